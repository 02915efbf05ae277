// Package known remembers which topics a client can send to. Each is asked for once,
// by whoever comes first, and made where the policy says so.
package known

import (
	"context"
	"errors"
	"sync"

	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topics are the topics that were found to exist. Safe for concurrent use.
type Topics struct {
	client *kgo.Client
	ensure func(context.Context, string) error
	reply  func(string) string
	found  sync.Map // with the topic of replies

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	mu        sync.Mutex
	questions map[string]*question // under way
	tasks     sync.WaitGroup
}

// question is whether a topic exists, asked once and shared by all who wait for the
// answer.
type question struct {
	done chan struct{}
	err  error
}

// New returns no topics. ensure sees to it that one exists; reply is the topic of the
// replies to it.
func New(client *kgo.Client, ensure func(context.Context, string) error, reply func(string) string) *Topics {
	t := &Topics{client: client, ensure: ensure, reply: reply, questions: make(map[string]*question)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Reply is the topic of the replies to a topic that was found to exist.
func (t *Topics) Reply(topic string) (string, bool) {
	reply, ok := t.found.Load(topic)
	if !ok {
		return "", false
	}
	return reply.(string), true
}

// Found reports whether a topic is known to exist. After Close none is.
func (t *Topics) Found(topic string) bool {
	_, ok := t.found.Load(topic)
	return ok && !t.Closed()
}

// Check returns nil when a topic exists, after making it where the policy says so. A
// failure is not kept. After Close it returns kgo.ErrClientClosed.
func (t *Topics) Check(ctx context.Context, topic string) error {
	if t.Found(topic) {
		return nil
	}
	t.mu.Lock()
	if t.Closed() {
		t.mu.Unlock()
		return kgo.ErrClientClosed
	}
	q := t.questions[topic]
	if q == nil {
		q = &question{done: make(chan struct{})}
		t.questions[topic] = q
		// On a goroutine of its own: a caller that gives up must not fail
		// the others.
		t.tasks.Go(func() { t.ask(topic, q) })
	}
	t.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Topics) ask(topic string, q *question) {
	// The first record needs a producer id; it is asked for meanwhile. Without the
	// right to one, the Kafka client can leave that record without an answer.
	id := make(chan error, 1)
	t.tasks.Go(func() {
		_, _, err := t.client.ProducerID(t.ctx)
		id <- security.OnTopic(security.Write, topic, err)
	})
	q.err = t.ensure(t.ctx, topic)
	if q.err == nil {
		if err := <-id; errors.Is(err, security.ErrAuthorization) {
			q.err = err
		}
	}
	if q.err == nil {
		t.found.Store(topic, t.reply(topic))
	}
	t.mu.Lock()
	delete(t.questions, topic)
	t.mu.Unlock()
	close(q.done)
}

// Failed forgets a topic that was deleted and made anew, so that the next record
// reaches the new one. After any other failure to send, the topic may have more
// partitions than the Kafka client knows, which looks again by itself only after
// minutes.
func (t *Topics) Failed(topic string, err error) {
	if err == nil {
		return
	}
	if !errors.Is(err, kerr.UnknownTopicID) {
		t.client.ForceMetadataRefresh() // at most one in MetadataMinAge
		return
	}
	t.found.Delete(topic)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.Closed() {
		// Not on the goroutine of the record's promise, which must not wait.
		t.tasks.Go(func() { t.client.PurgeTopicsFromProducing(topic) })
	}
}

// Close ends what is under way. Wait waits for that.
func (t *Topics) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel()
}

// Closed reports whether Close was called.
func (t *Topics) Closed() bool { return t.ctx.Err() != nil }

// Wait returns when nothing is under way any more. The Kafka client must be closed.
func (t *Topics) Wait() { t.tasks.Wait() }
