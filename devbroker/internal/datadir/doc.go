// Package datadir knows the files of a broker's data folder, which kfake
// writes, and mends what a kill in the middle of a write left there. The format
// is described at the top of kfake's persist.go.
//
// Nothing here runs while kfake has the folder open, but [Keep],
// [MarkDeletion], [ClearDeletions] and [BackUp].
package datadir
