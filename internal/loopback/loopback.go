// Package loopback tells addresses of this machine from those of others. What
// is on this machine belongs to whoever runs the program.
package loopback

import "net"

// Only reports whether each address, as host:port or host, is a loopback one.
func Only(addrs ...string) bool {
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
