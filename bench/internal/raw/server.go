package raw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/bench/internal/side"
)

const (
	pollsInFlight = 64              // polls whose replies are not yet acknowledged
	commitEvery   = time.Second     // how much is answered twice after a crash
	goodbye       = 5 * time.Second // for the last commit
)

// server polls requests and produces their sums. A poll's replies are
// acknowledged in the background, in the order of the polls, and only then is
// the poll marked for the next commit.
type server struct {
	kafka *kgo.Client
	at    side.Target
	stop  context.CancelFunc
	polls chan *poll
	done  sync.WaitGroup

	mu  sync.Mutex
	err error
}

// poll is what one poll brought and has still to be acknowledged.
type poll struct {
	last    []*kgo.Record // the last record of each partition
	replies sync.WaitGroup
}

func serve(at side.Target) (*server, error) {
	kafka, err := newClient(at,
		kgo.ConsumerGroup(at.Group()),
		kgo.ConsumeTopics(at.Patterns()...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(commitEvery),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // the request names the partition
	)
	if err != nil {
		return nil, fmt.Errorf("raw server: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &server{kafka: kafka, at: at, stop: stop, polls: make(chan *poll, pollsInFlight)}
	s.done.Go(func() { s.pollLoop(ctx) })
	s.done.Go(s.ackLoop)
	return s, nil
}

// pollLoop answers requests until ctx ends or something fails.
func (s *server) pollLoop(ctx context.Context) {
	defer close(s.polls)
	for ctx.Err() == nil {
		fetches := s.kafka.PollFetches(ctx)
		if err := fetchError(fetches); err != nil {
			s.fail(err)
			return
		}
		p := &poll{}
		fetches.EachPartition(func(part kgo.FetchTopicPartition) {
			if n := len(part.Records); n > 0 {
				p.last = append(p.last, part.Records[n-1])
			}
		})
		fetches.EachRecord(func(r *kgo.Record) { s.handle(p, r) })
		s.polls <- p
	}
}

// ackLoop marks polls for commit, in order, once their replies are safe.
func (s *server) ackLoop() {
	for p := range s.polls {
		p.replies.Wait()
		if s.failure() == nil {
			s.kafka.MarkCommitRecords(p.last...)
		}
	}
}

// handle does what one record asks for, after the delay that the target asks
// for. Records wait side by side: they have no keys, so no order.
func (s *server) handle(p *poll, r *kgo.Record) {
	switch s.at.Op {
	case side.Events, side.Records, side.Batches, side.Beside:
		s.at.Handled()
	case side.Orders:
		var order side.Order
		if err := json.Unmarshal(r.Value, &order); err != nil {
			s.fail(fmt.Errorf("decode: %w", err))
		}
		s.at.Handled()
	default:
		if s.at.Delay == 0 {
			s.answer(p, r)
			return
		}
		p.replies.Go(func() {
			time.Sleep(s.at.Delay)
			s.answer(p, r)
		})
	}
}

// answer produces the replies to one request. A request that cannot be answered
// is done: there is nobody to tell.
func (s *server) answer(p *poll, r *kgo.Record) {
	replies, err := repliesTo(r, s.at.Op)
	if err != nil {
		return
	}
	for _, reply := range replies {
		p.replies.Add(1)
		s.kafka.Produce(context.Background(), reply, func(_ *kgo.Record, err error) {
			if err != nil {
				s.fail(fmt.Errorf("reply: %w", err))
			}
			p.replies.Done()
		})
	}
}

// repliesTo computes the replies to one request.
func repliesTo(r *kgo.Record, op side.Op) ([]*kgo.Record, error) {
	topic, partition, err := replyAddress(r)
	if err != nil {
		return nil, err
	}
	values, err := results(r.Value, op)
	if err != nil {
		return nil, err
	}
	headers := []kgo.RecordHeader{{Key: correlationID, Value: header(r, correlationID)}}
	replies := make([]*kgo.Record, len(values))
	for i, value := range values {
		replies[i] = &kgo.Record{Topic: topic, Partition: partition, Value: value, Headers: headers}
	}
	if op == side.Stream && len(replies) > 0 {
		replies[len(replies)-1].Headers = append([]kgo.RecordHeader{{Key: lastReply}}, headers...)
	}
	return replies, nil
}

// results are the values that answer a request.
func results(value []byte, op side.Op) ([][]byte, error) {
	switch op {
	case side.Echo, side.Relay:
		return [][]byte{value}, nil
	case side.Stream:
		return upTo(value)
	default:
		return sum(value)
	}
}

func upTo(value []byte) ([][]byte, error) {
	var n int
	if err := json.Unmarshal(value, &n); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	all := make([][]byte, 0, max(n, 0))
	for i := range n {
		one, err := json.Marshal(i + 1)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}

func sum(value []byte) ([][]byte, error) {
	var numbers []float64
	if err := json.Unmarshal(value, &numbers); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	var sum float64
	for _, n := range numbers {
		sum += n
	}
	text, err := json.Marshal(sum)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return [][]byte{text}, nil
}

// replyAddress reads where a request wants its reply. A request is untrusted:
// it must not make us write just anywhere.
func replyAddress(r *kgo.Record) (string, int32, error) {
	topic := string(header(r, replyTopic))
	if !strings.HasSuffix(topic, ".reply") {
		return "", 0, errors.New("reply topic not allowed")
	}
	partition, err := strconv.ParseInt(string(header(r, replyPartition)), 10, 32)
	if err != nil {
		return "", 0, fmt.Errorf("reply partition: %w", err)
	}
	return topic, int32(partition), nil
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *server) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close stops polling, waits for the replies, commits and leaves the group.
func (s *server) Close() error {
	s.stop()
	s.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	err := s.kafka.CommitMarkedOffsets(ctx)
	s.kafka.Close()
	return errors.Join(s.failure(), err)
}
