// Package dedupe is middleware that handles each record once, as far as one
// process, or one topic that all instances share, can remember. A duplicate does
// not reach the handler: an event ends at once, and a request gets the replies
// that the first one got, byte for byte.
//
// A record is known again by its position, its key, a header, or what a function
// says; see By. What is remembered is its Outcome, when the handler has returned:
//
//   - success, with all replies;
//   - for a request also an error that is a verdict: a *siskin.Error with the code
//     invalid, not_found, denied, conflict or unimplemented.
//
// Everything else is forgotten, so that the record can be tried again: other
// errors, panics, RetryAfter, DeadLetter and Drop. A request whose first delivery
// still runs waits for it, within its own context, and then shares its outcome; if
// the first one fails, the next one runs.
//
// Between the effect of a handler and the memory of it a process can die. Then the
// record is handled twice. Only the handler itself can close that gap, by writing
// the id into its database in the transaction that has the effect.
//
// Middleware outside of this one gets replies as codec.Encoded or as a
// siskin.Message with that; what looks at values belongs inside.
package dedupe
