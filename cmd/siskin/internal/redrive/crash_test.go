package redrive_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// watched are the requests that change something, and the one that asks what was
// redriven. Nothing sends an OffsetCommit: one outside of the transaction would lose
// letters, and the kill behind it shows that.
var watched = []kmsg.Key{
	kmsg.InitProducerID, kmsg.OffsetFetch, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit,
	kmsg.EndTxn, kmsg.OffsetCommit,
}

// wreck is the connections of a client that dies like a killed process: at its last
// step, all are cut and no new one is made.
type wreck struct {
	last int // the step, or -1

	mu    sync.Mutex
	steps []string
	conns []net.Conn
	dead  chan struct{}
}

func newWreck(last int) *wreck { return &wreck{last: last, dead: make(chan struct{})} }

func (w *wreck) options() []kgo.Opt { return []kgo.Opt{kgo.Dialer(w.dial), kgo.WithHooks(w)} }

func (w *wreck) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.dead:
		conn.Close()
		return nil, net.ErrClosed
	default:
		w.conns = append(w.conns, conn)
		return conn, nil
	}
}

// OnBrokerWrite is when a request has left.
func (w *wreck) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	w.step("sent", key)
}

// OnBrokerRead is when an answer has come, before the client looks at it.
func (w *wreck) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	w.step("answered", key)
}

func (w *wreck) step(what string, key int16) {
	if !slices.Contains(watched, kmsg.Key(key)) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last >= 0 && len(w.steps) > w.last {
		return
	}
	w.steps = append(w.steps, what+" "+kmsg.NameForKey(key))
	if len(w.steps) == w.last+1 && w.last >= 0 {
		close(w.dead)
		for _, conn := range w.conns {
			conn.Close()
		}
	}
}

// wrecked redrives until step last, and returns the steps that there were.
func (s *site) wrecked(t *testing.T, job redrive.Job, last int) []string {
	t.Helper()
	job, _ = s.job(t, job)
	w := newWreck(last)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	client := s.open(t, append(redrive.RunOptions(s.dlt, 1<<20), w.options()...)...)
	ended := make(chan error, 1)
	go func() { ended <- job.Run(ctx, client) }()
	select {
	case err := <-ended:
		if err != nil && (last < 0 || !errors.Is(err, redrive.ErrTakenOver)) {
			t.Errorf("the run ended with: %v", err)
		}
	case <-w.dead:
		client.Close() // all it would still do is to try in vain
		cancel()
		<-ended
	}
	return w.steps
}

// A redrive that is killed at any step, and started again, brings each letter back
// once, in order: to readers of committed records, as the last run leaves no open
// transaction.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	brokers := siskintest.Brokers(t)
	job := redrive.Job{Batch: 2}
	const each = 2
	whole := newSite(t, brokers)
	whole.fill(t, each)
	steps := whole.wrecked(t, job, -1)
	whole.complete(t, each)
	t.Logf("steps of a run: %q", steps)
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.OffsetFetch, kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		if !slices.Contains(steps, "answered "+kmsg.NameForKey(int16(key))) {
			t.Errorf("no %s among the steps: would it be killed there?", kmsg.NameForKey(int16(key)))
		}
	}
	for last := range steps {
		t.Run(fmt.Sprintf("at %d, %s", last, steps[last]), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, brokers)
			s.fill(t, each)
			for range 1 + last%2 {
				s.wrecked(t, job, last)
			}
			s.finish(t, job)
			s.complete(t, each)
			if again := s.run(t, job); len(again) != 0 {
				t.Errorf("one more run has found %d letters", len(again))
			}
		})
	}
}

// finish redrives to the end. The broker can handle what a killed run has sent after
// the next run has begun, which that run takes for another redrive.
func (s *site) finish(t *testing.T, job redrive.Job) {
	t.Helper()
	for {
		job, _ := s.job(t, job)
		client := s.open(t, redrive.RunOptions(s.dlt, 1<<20)...)
		err := job.Run(testContext(t), client)
		client.Close()
		if err == nil {
			return
		}
		if !errors.Is(err, redrive.ErrTakenOver) || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// complete checks that all letters of fill are back, once and in order.
func (s *site) complete(t *testing.T, each int) {
	t.Helper()
	want, got := make(map[int32][]string), make(map[int32][]string)
	for p := range int32(partitions) {
		for i := range each {
			want[p] = append(want[p], value(p, i))
		}
	}
	for p, records := range s.read(t, s.topic) {
		for _, r := range records {
			got[p] = append(got[p], string(r.Value))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is back in each partition (-want +got):\n%s", diff)
	}
}
