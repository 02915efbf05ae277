// Package conformance runs Siskin against the NestJS versions 12, 11 and 10: a
// named case for every rule of the protocol notes for NestJS, sections 4 to 11.
// It has tests only.
//
// A case writes down every record that both sides wrote and what each of them
// read, and compares that with its file in testdata/golden. The table in
// docs/compatibility.md is made of testdata/results, which has a file for each
// kind of broker: the embedded one, or the real one of SISKIN_BROKERS.
//
//	go test ./conformance                 run all cases
//	go test ./conformance -update         and write golden files and table anew
//	go test ./conformance -run '//4\.' -update     only those of section 4
package conformance
