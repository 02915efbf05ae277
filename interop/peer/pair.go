package peer

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// Pair is a program that is a NestJS server and a NestJS client at once.
type Pair struct {
	*Process
	Client *Client
	Server *Server

	mu     sync.Mutex
	logs   []string // errors that Nest has logged
	logged chan struct{}
}

// StartPair starts such a program.
func StartPair(ctx context.Context, o Options) (*Pair, error) {
	p := &Pair{Client: newClient(), Server: newServer(), logged: make(chan struct{})}
	process, err := Start(ctx, o, p.line)
	if err != nil {
		return nil, err
	}
	p.Process, p.Client.Process, p.Server.Process = process, process, process
	return p, nil
}

func (p *Pair) line(l Line) {
	switch {
	case l.Event != "":
		p.Server.line(l)
	case l.Log != "":
		p.mu.Lock()
		p.logs = append(p.logs, l.Log)
		close(p.logged)
		p.logged = make(chan struct{})
		p.mu.Unlock()
	default:
		p.Client.line(l)
	}
}

// Logged waits until Nest has logged an error whose text has part in it, forgets
// all up to it, and returns its text.
func (p *Pair) Logged(ctx context.Context, part string) (string, error) {
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.logs, func(text string) bool { return strings.Contains(text, part) })
		logged := p.logged
		if i >= 0 {
			text := p.logs[i]
			p.logs = p.logs[i+1:]
			p.mu.Unlock()
			return text, nil
		}
		p.mu.Unlock()
		select {
		case <-logged:
		case <-p.Done():
			return "", p.errorf("ended before it logged %q", part)
		case <-ctx.Done():
			return "", p.errorf("did not log %q: %v", part, ctx.Err())
		}
	}
}
