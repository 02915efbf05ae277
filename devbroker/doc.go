// Package devbroker runs a Kafka broker inside the process, for development,
// examples and tests: no Java, no container, one call.
//
// It speaks the real Kafka protocol to every client, in any language. It is
// franz-go's kfake underneath, with what a broker that people start by hand
// needs on top: the next free port, topics created on first use and kept
// after a crash, a data folder that only one process can use, and connections
// that cannot crash the process.
//
// It is not a production broker. State lives in memory, or in a folder whose
// format may change between versions; there is one copy of each record; there
// are no quotas, and a consumer group starts without the delay that a
// production broker adds. It stores what is in a batch without a look, where
// Apache Kafka refuses records that do not fit their batch. Test on a real
// Apache Kafka as well.
//
// # What a kill costs
//
// With a data folder, a process killed at any moment (kill -9), also while it
// starts, loses no topic, no acknowledged record and no committed offset; no
// offset is given out twice, and a record that an idempotent producer sends
// again is stored once. [Start] mends what the kill left half written and logs
// each repair. Damage that no kill does is an error that names the file. These
// are lost:
//
//   - open transactions, which are aborted, with the offsets staged in them;
//     one whose end was under way is committed in all its partitions or in
//     none, but may lose its offsets. That needs a producer with an epoch for
//     each transaction (KIP-890), as franz-go and newer Java clients are; one
//     of an older client can be left committed in some partitions only;
//   - memberships: the members of groups join again;
//   - the positions of share groups, and the configs of groups, until the next
//     orderly end;
//   - the deletion of a group by request: it is there again;
//   - the removal, by retention or by request, of records in the milliseconds
//     before: up to a segment of them can be there again.
//
// # What a power cut costs
//
// A power cut is covered only with [Config.SyncWrites]. Then each batch, its
// index entry and each committed offset are flushed before they are
// acknowledged. The list of topics is always flushed, but kfake flushes no
// folder: that a new file is in its folder is left to the file system, which on
// ext4, XFS, Btrfs and APFS puts it on the disk with the file. A topic created
// in the last seconds and never written to may be lost. Without SyncWrites, the
// last records and offsets can be lost, and a file that is damaged in its
// middle keeps the broker from starting until it is dealt with as the error
// says.
package devbroker
