package security_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
)

// diary is all that a program says: its log and its events.
type diary struct {
	mu   sync.Mutex
	all  []events.Event
	text bytes.Buffer
	news chan struct{}
}

func newDiary() *diary { return &diary{news: make(chan struct{}, 1)} }

// Write takes log lines.
func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) observe(e events.Event) {
	d.mu.Lock()
	d.all = append(d.all, e)
	fmt.Fprintf(&d.text, "%v %+v %#v\n", e, e, e)
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// wait returns the first event of type E that fits, also one already seen.
func wait[E events.Event](t *testing.T, d *diary, fits func(E) bool) E {
	t.Helper()
	for limit := time.After(patience); ; {
		if e, ok := find(d, fits); ok {
			return e
		}
		select {
		case <-d.news:
		case <-limit:
			t.Fatalf("no event of type %T came", *new(E))
		}
	}
}

func find[E events.Event](d *diary, fits func(E) bool) (E, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.all {
		if e, ok := e.(E); ok && fits(e) {
			return e, true
		}
	}
	return *new(E), false
}

// config is for a program of one test. A timeout as long as the test's patience
// would only be used up by an error that is not told at once.
func config(d *diary, broker string, settings security.Settings) siskin.Config {
	return siskin.Config{
		Brokers: []string{broker}, ClientID: "secure", Security: settings, Timeout: time.Hour,
		Logger:  slog.New(slog.NewTextHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: d.observe, RetryInitial: 5 * time.Millisecond, RetryLongest: 20 * time.Millisecond,
	}
}

func client(t *testing.T, cfg siskin.Config) *siskin.Client {
	t.Helper()
	return siskintest.Client(t, cfg)
}

// service is a service of cfg with a consumer group of its own.
func service(t *testing.T, cfg siskin.Config) *siskin.Service {
	t.Helper()
	if cfg.Group == "" {
		cfg.Group = siskintest.Name("group")
	}
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }
