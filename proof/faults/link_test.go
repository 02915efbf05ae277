package main

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a connection with these faults, which have begun, and its other end.
func pair(t *testing.T, faults ...linkFault) (conn, peer net.Conn, began time.Time) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for i := range faults {
		faults[i].Who = clients
	}
	l := newLink(plan{Faults: faults}, clients, []string{listener.Addr().String()})
	t.Cleanup(l.stop)
	conn, err = l.dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	peer, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	began = time.Now()
	l.begin(began)
	return conn, peer, began
}

func TestHoleHoldsWhatComesUntilItsEnd(t *testing.T) {
	t.Parallel()
	const long = 50 * time.Millisecond
	conn, peer, began := pair(t, linkFault{Kind: holeIn, Length: long})
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("y")); err != nil { // the other direction is free
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := io.ReadFull(conn, b); err != nil || b[0] != 'x' {
		t.Fatalf("read %q, %v", b, err)
	}
	if time.Since(began) < long {
		t.Error("the hole let it through")
	}
}

func TestHoleEndsWithTheDeadlineOfItsConnection(t *testing.T) {
	t.Parallel()
	conn, _, _ := pair(t, linkFault{Kind: holeOut, Length: time.Hour})
	if err := conn.SetWriteDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Write([]byte("x"))
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
		t.Errorf("a write into a hole: %v, want a timeout", err)
	}
}

func TestHoleEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	conn, _, _ := pair(t, linkFault{Kind: holeBoth, Length: time.Hour})
	time.AfterFunc(time.Millisecond, func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write into a hole: %v, want one that says closed", err)
	}
}

func TestResetReachesThePeer(t *testing.T) {
	t.Parallel()
	conn, peer, _ := pair(t, linkFault{Kind: resets, At: time.Millisecond})
	if _, err := peer.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the peer of a reset connection reads %v, want a reset", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("a reset connection can be read")
	}
}

func TestFaultIsAboutItsNodeOnly(t *testing.T) {
	t.Parallel()
	conn, peer, _ := pair(t, linkFault{Kind: holeBoth, Length: time.Hour, Node: 2})
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(peer, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
