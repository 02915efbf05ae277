package main

import "math/rand/v2"

// fate is what becomes of a record in its handler. The record carries it, so that
// every process that gets the record does the same.
type fate string

const (
	fine    fate = "fine"
	panics  fate = "panics"    // at each attempt
	hangs   fate = "times out" // at each attempt
	flaky   fate = "fails five times"
	poison  fate = "poison" // cannot be decoded
	unknown fate = ""       // what the run has not sent
)

// failures is how often a flaky record fails before it succeeds.
const failures = 5

// fates are the shares, in a thousand; what is left is fine.
var fates = []struct {
	fate  fate
	share int
}{{panics, 10}, {hangs, 10}, {flaky, 10}, {poison, 5}}

// fateOf is the fate of the record with that number.
func fateOf(seed uint64, kind string, number int) fate {
	at := rand.New(rand.NewPCG(seed, hash(kind)+uint64(number))).IntN(1000)
	for _, f := range fates {
		if at -= f.share; at < 0 {
			return f.fate
		}
	}
	return fine
}

// dies says whether an event with this fate ends as a dead letter.
func (f fate) dies() bool { return f == panics || f == hangs || f == poison }
