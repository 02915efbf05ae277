package interop_test

import "testing"

// TestNest runs everything against one NestJS server and one NestJS client.
// Tests that share them run one after the other.
func TestNest(t *testing.T) {
	n := newNest(t)
	t.Run("SiskinCallsNest", func(t *testing.T) { siskinCallsNest(t, n) })
	t.Run("SiskinEmitsToNest", func(t *testing.T) { siskinEmitsToNest(t, n) })
	t.Run("NestCallsSiskin", func(t *testing.T) { nestCallsSiskin(t, n) })
	t.Run("SharedReplyTopic", func(t *testing.T) { sharedReplyTopic(t, n) })
	t.Run("TwoNestClients", func(t *testing.T) { twoNestClients(t, n) })
	t.Run("Wire", func(t *testing.T) { sameOnTheWire(t, n) })
	// Last, because it looks at all that was written.
	t.Run("Compression", func(t *testing.T) { compression(t, n) })
}
