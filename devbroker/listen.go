package devbroker

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

const (
	loopback   = "127.0.0.1"
	portsTried = 100
	maxPort    = 65535
)

// endpoint is a host and port that was asked for.
type endpoint struct {
	host string
	port int
}

func (e endpoint) String() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

// parseListen reads Config.Listen.
func parseListen(listen string) (endpoint, error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return endpoint{}, fmt.Errorf("listen address %q: write it as host:port, for example %s: %w", listen, defaultListen, err)
	}
	port, err := parsePort(text)
	if err != nil {
		return endpoint{}, fmt.Errorf("listen address %q: %w", listen, err)
	}
	if host == "" {
		host = loopback
	}
	return endpoint{host: host, port: port}, nil
}

func parsePort(text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > maxPort {
		return 0, fmt.Errorf("port %q: must be a number from 0 to %d", text, maxPort)
	}
	return port, nil
}

// binder opens the listeners of one broker.
type binder struct {
	listen func(network, address string) (net.Listener, error)
	exact  bool
}

// openAll opens n listeners, the first at want and each next one behind the
// last. It reports whether any of them is not where it was wanted.
func (b binder) openAll(want endpoint, n int) (lns []net.Listener, moved bool, err error) {
	next := want.port
	for i := range n {
		ln, port, err := b.open(endpoint{host: want.host, port: next})
		if err != nil {
			closeAll(lns)
			return nil, false, err
		}
		lns = append(lns, ln)
		if want.port == 0 {
			continue
		}
		moved = moved || port != want.port+i
		next = port + 1
	}
	return lns, moved, nil
}

// open listens at want or, unless the port is exact, at the next free port,
// and returns the port asked for in the end.
func (b binder) open(want endpoint) (net.Listener, int, error) {
	at, tries := want, portsTried
	if b.exact || want.port == 0 {
		tries = 1
	}
	for ; tries > 0 && at.port <= maxPort; at.port, tries = at.port+1, tries-1 {
		ln, err := b.listen("tcp", at.String())
		if err == nil {
			return ln, at.port, nil
		}
		if !errors.Is(err, errAddressInUse) {
			return nil, 0, fmt.Errorf("listen on %s: %w", at, err)
		}
	}
	if b.exact {
		return nil, 0, fmt.Errorf("listen on %s: %w; is another broker running? stop it, or allow another port", want, ErrPortTaken)
	}
	return nil, 0, fmt.Errorf("listen on %s: %w, and so are the ports after it up to %d; choose another one, or 0 for any", want, ErrPortTaken, at.port-1)
}

// advertised is the address that clients are told for a listener at addr:
// wish, which may lack a port, or addr itself.
func advertised(addr net.Addr, wish string) (string, error) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "", fmt.Errorf("listening address %q: %w", addr, err)
	}
	if wish != "" {
		return advertisedAs(wish, port)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("listen on %s: clients cannot connect to a wildcard address; set Advertise to the host name they use", addr)
	}
	return addr.String(), nil
}

func advertisedAs(wish, port string) (string, error) {
	host, ownPort, err := net.SplitHostPort(wish)
	if err != nil {
		return net.JoinHostPort(wish, port), nil
	}
	if n, err := parsePort(ownPort); err != nil || n == 0 || host == "" {
		return "", fmt.Errorf("advertised address %q: write it as host or host:port", wish)
	}
	return wish, nil
}

// hasPort reports whether an advertised address brings its own port.
func hasPort(wish string) bool {
	_, _, err := net.SplitHostPort(wish)
	return err == nil
}

func closeAll(lns []net.Listener) {
	for _, ln := range lns {
		_ = ln.Close() // we are failing already; the port is freed all the same
	}
}
