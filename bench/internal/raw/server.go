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
	delay time.Duration
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
		kgo.ConsumeTopics(at.Pattern),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(commitEvery),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // the request names the partition
	)
	if err != nil {
		return nil, fmt.Errorf("raw server: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &server{kafka: kafka, delay: at.Delay, stop: stop, polls: make(chan *poll, pollsInFlight)}
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

// handle answers one request, after the delay that the target asks for. Requests
// wait side by side: they have no keys, so no order.
func (s *server) handle(p *poll, r *kgo.Record) {
	if s.delay == 0 {
		s.answer(p, r)
		return
	}
	p.replies.Go(func() {
		time.Sleep(s.delay)
		s.answer(p, r)
	})
}

// answer produces the reply to one request. A request that cannot be answered
// is done: there is nobody to tell.
func (s *server) answer(p *poll, r *kgo.Record) {
	reply, err := replyTo(r)
	if err != nil {
		return
	}
	p.replies.Add(1)
	s.kafka.Produce(context.Background(), reply, func(_ *kgo.Record, err error) {
		if err != nil {
			s.fail(fmt.Errorf("reply: %w", err))
		}
		p.replies.Done()
	})
}

// replyTo computes the reply to one request.
func replyTo(r *kgo.Record) (*kgo.Record, error) {
	var numbers []float64
	if err := json.Unmarshal(r.Value, &numbers); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	var sum float64
	for _, n := range numbers {
		sum += n
	}
	value, err := json.Marshal(sum)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	topic, partition, err := replyAddress(r)
	if err != nil {
		return nil, err
	}
	return &kgo.Record{
		Topic:     topic,
		Partition: partition,
		Value:     value,
		Headers:   []kgo.RecordHeader{{Key: correlationID, Value: header(r, correlationID)}},
	}, nil
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
