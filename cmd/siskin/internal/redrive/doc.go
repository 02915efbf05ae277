// Package redrive reads dead-letter topics, puts their letters back to where they
// came from, each exactly once, and removes them.
package redrive
