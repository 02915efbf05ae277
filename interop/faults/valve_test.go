package faults_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
)

// valve keeps back requests to produce on their way to the broker. faults.js has
// one like it.
type valve struct {
	mu     sync.Mutex
	closed chan struct{} // closed by release; nil while nothing is held
	broken bool          // requests are not held, they lose their connection
}

func (v *valve) hold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed == nil {
		v.closed = make(chan struct{})
	}
}

func (v *valve) cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = true
}

func (v *valve) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = false
	if v.closed != nil {
		close(v.closed)
		v.closed = nil
	}
}

func (v *valve) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &valvedConn{Conn: conn, valve: v}, nil
}

type valvedConn struct {
	net.Conn
	valve *valve
}

// Write gets one request at a time: its length, then the number of its API.
func (c *valvedConn) Write(b []byte) (int, error) {
	const produce = 0
	if len(b) > 6 && binary.BigEndian.Uint16(b[4:]) == produce {
		c.valve.mu.Lock()
		held, broken := c.valve.closed, c.valve.broken
		c.valve.mu.Unlock()
		if broken {
			return 0, errors.Join(errors.New("the test has cut the connection"), c.Close())
		}
		if held != nil {
			<-held
		}
	}
	return c.Conn.Write(b)
}
