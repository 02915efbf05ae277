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
// production broker adds. Test on a real Apache Kafka as well.
//
// What a crash (a process killed before [Broker.Close]) can cost, even with a
// data folder:
//
//   - the last records before a power cut, unless [Config.SyncWrites] is set;
//   - the end offset of a partition that retention had emptied: it starts
//     again at its last orderly value, or at 0;
//   - the start offset of a partition that retention had trimmed: records
//     already removed may show again, up to one batch;
//   - open transactions, which are aborted.
package devbroker
