package faults_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/siskin-go/siskin/interop/peer"
)

// nestDir is the folder of the NestJS programs.
const nestDir = "../nest"

// theirs is NestJS. Its servers and clients live in one process, but those of
// the quick checks have one of their own: its log is theirs alone.
type theirs struct {
	*broker
	host func() (*host, error)
}

func newTheirs(t *testing.T, b *broker) theirs {
	return theirs{b, sync.OnceValues(func() (*host, error) {
		h, err := startHost(t.Context(), b)
		if err == nil {
			t.Cleanup(func() {
				if err := h.Stop(); err != nil {
					t.Error(err)
				}
			})
		}
		return h, err
	})}
}

func (theirs) name() string { return "NestJS" }

// host is a process that hosts servers and clients, the program faults.js.
type host struct {
	*peer.Process

	mu       sync.Mutex
	journals map[string]*journal
}

func startHost(ctx context.Context, b *broker) (*host, error) {
	h := &host{journals: map[string]*journal{"log": newJournal()}}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := peer.Start(ctx, peer.Options{
		Dir: nestDir, Program: "faults.js", Env: []string{"BROKERS=" + strings.Join(b.addrs, ",")},
	}, h.line)
	if err != nil {
		return nil, err
	}
	h.Process = p
	return h, nil
}

// line hands what a server or a client says to its journal.
func (h *host) line(l peer.Line) {
	var e entry
	if err := json.Unmarshal(l.Payload, &e); err != nil {
		e = entry{Did: "failed", Text: err.Error()}
	}
	h.journal(l.Event).add(e)
}

func (h *host) journal(id string) *journal {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.journals[id] == nil {
		h.journals[id] = newJournal()
	}
	return h.journals[id]
}

// hosted is a server or a client in a host.
type hosted struct {
	x      *exam
	host   *host
	id     string
	of     string // its group, with the postfix
	why    string
	last   int
	closed sync.Once
}

func (t theirs) hosted(x *exam, op, group, postfix string, settings map[string]any) *hosted {
	x.Helper()
	in, err := t.host()
	x.must(err)
	h := &hosted{x: x, host: in, id: x.unique(op), of: group + postfix}
	settings["op"], settings["id"], settings["group"] = op, h.id, group
	x.must(in.Write(settings))
	started := x.happens(h.log(), "the start of a NestJS "+op, did("ready"), did("refused"))
	if started.Did == "refused" {
		h.why = started.Text
	}
	x.Cleanup(h.close)
	return h
}

func (t theirs) serve(x *exam, s serving) server {
	x.Helper()
	// The default of 5 s is how long an idle consumer takes to stop.
	consumer := map[string]any{"maxWaitTimeInMs": 250}
	run := map[string]any{}
	if s.session > 0 {
		consumer["sessionTimeout"] = s.session
	}
	if s.quick {
		consumer["retry"] = map[string]any{"initialRetryTime": 50, "retries": 2}
	}
	if s.strict {
		consumer["allowAutoTopicCreation"] = false
	}
	if s.manual {
		run["autoCommit"] = false
	}
	return t.hosted(x, "serve", s.group, "-server", map[string]any{
		"handlers": append([]handler{}, s.handlers...), "consumer": consumer, "run": run, "throws": s.throws,
	})
}

func (t theirs) client(x *exam, c calling) client {
	x.Helper()
	return t.hosted(x, "client", c.group, "-client", map[string]any{"patterns": append([]string{}, c.patterns...)})
}

func (h *hosted) log() *journal   { return h.host.journal(h.id) }
func (h *hosted) refused() string { return h.why }
func (h *hosted) group() string   { return h.of }
func (h *hosted) open()           { h.do("open", nil) }
func (h *hosted) hold()           { h.do("hold", nil) }
func (h *hosted) cut()            { h.do("cut", nil) }
func (h *hosted) release()        { h.do("release", nil) }

func (h *hosted) learn(pattern string) { h.do("subscribe", map[string]any{"pattern": pattern}) }

func (h *hosted) begin(pattern string, data any, _ string) int {
	h.last++
	h.do("call", map[string]any{"method": "send", "call": h.last, "pattern": pattern, "data": data})
	return h.last
}

func (h *hosted) do(op string, settings map[string]any) {
	request := map[string]any{"op": op, "id": h.id}
	for k, v := range settings {
		request[k] = v
	}
	if err := h.host.Write(request); err != nil {
		h.x.Error(err)
	}
}

// close does not care how a server ends that a fault has already ended.
func (h *hosted) close() {
	h.closed.Do(func() {
		select {
		case <-h.host.Done():
			return // killed
		default:
		}
		h.do("stop", nil)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for {
			entries, changed := h.log().now()
			if position(entries, did("closed")) >= 0 || position(entries, did("failed")) >= 0 {
				return
			}
			select {
			case <-changed:
			case <-h.host.Done():
				return
			case <-ctx.Done():
				h.x.Errorf("a NestJS program did not close")
				return
			}
		}
	})
}

// program hosts its client in a process of its own.
func (t theirs) program(x *exam, pattern, group string) (kill func()) {
	x.Helper()
	own, err := startHost(x.ctx, t.broker)
	x.must(err)
	x.Cleanup(own.Kill)
	alone := theirs{t.broker, func() (*host, error) { return own, nil }}
	made := alone.client(x, calling{group: group, patterns: []string{pattern}})
	x.must(x.ended(made, made.begin(pattern, "child", "any")).answered())
	return own.Kill
}
