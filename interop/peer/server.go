package peer

import (
	"context"
	"encoding/json"
	"sync"
)

// Server is a NestJS server, the program server.js.
type Server struct {
	*Process

	mu      sync.Mutex
	notes   []Note
	arrived chan struct{} // holds one token when there may be something new
}

// Note is a record as one of the server's handlers received it.
type Note struct {
	// Event is the name of the topic.
	Event   string
	Handler int
	// Payload, Key and Headers are JSON, as NestJS decoded them.
	Payload, Key, Headers json.RawMessage
}

// StartServer starts the server of dir.
func StartServer(ctx context.Context, dir string, env ...string) (*Server, error) {
	s := newServer()
	p, err := Start(ctx, Options{Dir: dir, Program: "server.js", Env: env}, s.line)
	if err != nil {
		return nil, err
	}
	s.Process = p
	return s, nil
}

func newServer() *Server { return &Server{arrived: make(chan struct{}, 1)} }

func (s *Server) line(l Line) {
	if l.Event == "" {
		return
	}
	s.mu.Lock()
	s.notes = append(s.notes, Note{Event: l.Event, Handler: l.Handler, Payload: l.Payload, Key: l.Key, Headers: l.Headers})
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// Notes waits until the server has received n events that nobody has taken yet,
// and takes all there are. One goroutine at a time may call it.
func (s *Server) Notes(ctx context.Context, n int) ([]Note, error) {
	for {
		if notes := s.take(n); notes != nil {
			return notes, nil
		}
		select {
		case <-s.arrived:
		case <-s.Done():
			return nil, s.errorf("ended while events were waited for")
		case <-ctx.Done():
			return s.take(0), s.errorf("did not receive %d events: %v", n, ctx.Err())
		}
	}
}

// Note waits for the next event and takes only that.
func (s *Server) Note(ctx context.Context) (Note, error) {
	for {
		s.mu.Lock()
		if len(s.notes) > 0 {
			note := s.notes[0]
			s.notes = s.notes[1:]
			s.mu.Unlock()
			return note, nil
		}
		s.mu.Unlock()
		select {
		case <-s.arrived:
		case <-s.Done():
			return Note{}, s.errorf("ended while an event was waited for")
		case <-ctx.Done():
			return Note{}, s.errorf("did not receive an event: %v", ctx.Err())
		}
	}
}

// Unread takes the events that nobody has taken yet.
func (s *Server) Unread() []Note { return s.take(0) }

// take returns nil when there are fewer than n notes.
func (s *Server) take(n int) []Note {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) < n {
		return nil
	}
	notes := s.notes
	s.notes = nil
	return notes
}
