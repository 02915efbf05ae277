// Package interop tests Siskin against real NestJS programs, in both
// directions. It has no code of its own besides package peer, which starts the
// programs in the folder nest.
//
// It also holds what the embedded broker promises to clients of other languages
// when it is killed: Apache Kafka's own, run from java/Peer.java, and kafkajs.
//
// The tests run on the broker of the environment variable SISKIN_BROKERS, or on
// an embedded one when that is empty. They need Node.js 20 or newer, "npm ci" in
// interop/nest, interop/nest11 and interop/nest10, and Java 17 or newer with the
// jars that "scripts/kafka jars" fetches.
//
// The files in testdata/wire hold the records that both sides write, next to
// each other. "go test . -update" writes them anew.
package interop
