// Package retry knows the records of one source partition that wait in its retry
// partition: how they are written and read there, which of them may run, and in
// what order. It does no I/O and has no goroutines. The page docs/retries.md is its
// specification.
package retry
