// Package hostile shows that no record can end, stall or bloat a service or a
// client: whatever its bytes are, it has one clear outcome, and what comes behind
// it is handled. It has no code of its own.
//
// The tests run on the broker of the environment variable SISKIN_BROKERS, or on
// an embedded one. An embedded one stores more, because it does not look into
// record batches.
package hostile
