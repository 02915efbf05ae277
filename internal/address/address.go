// Package address reads the addresses of brokers, which people write as
// host:port.
package address

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// errShape says what an address looks like.
var errShape = errors.New("want host:port, such as 127.0.0.1:9092")

// Check returns what is wrong with an address, or nil.
func Check(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errShape, err)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65_535 || host == "" {
		return errShape
	}
	return nil
}

// Loopback reports whether each address, as host:port or host, is one of this
// machine. What is on it belongs to whoever runs the program.
func Loopback(addrs ...string) bool {
	for _, addr := range addrs {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
