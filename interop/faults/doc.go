// Package faults has a table of what NestJS's Kafka transport does wrong, by its
// protocol notes, and one check for each row that runs against Siskin and
// against NestJS. Siskin must pass it. NestJS must fail it, in the way that the
// table says: a check that cannot fail, or fails for another reason, is found.
//
// README.md has the table, what NestJS was seen doing, and what the table leaves
// out. "go test . -update" writes it anew. The broker is that of SISKIN_BROKERS,
// or an embedded one.
//
// The example app is here too: each half of it, NestJS's and Siskin's, is
// answered by both others.
package faults
