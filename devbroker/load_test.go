package devbroker_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topics of the load, and what may be missing in them.
const (
	keptTopic      = "kept"      // nothing
	plainTopic     = "plain"     // nothing
	trimmedTopic   = "trimmed"   // what retention.bytes removes
	emptiedTopic   = "emptied"   // what retention.ms removes
	cutTopic       = "cut"       // what a request removes
	compactedTopic = "compacted" // older values of a key
	debitTopic     = "debit"     // what was aborted
	creditTopic    = "credit"    // what was aborted
)

var loadTopics = map[string]map[string]string{
	keptTopic:      {"segment.bytes": "3000"},
	plainTopic:     {},
	trimmedTopic:   {"segment.bytes": "600", "retention.bytes": "2000"},
	emptiedTopic:   {"segment.bytes": "400", "retention.ms": "1"},
	cutTopic:       {"segment.bytes": "500"},
	compactedTopic: {"segment.bytes": "1500", "cleanup.policy": "compact"},
	debitTopic:     {"segment.bytes": "2000"},
	creditTopic:    {},
}

const loadPartitions = 2

// load is all that goes on at the broker, until the test ends.
type load struct {
	ctx  context.Context
	t    *testing.T
	addr string
	book *ledger
}

func startLoad(t *testing.T, addr string, book *ledger) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{ctx: ctx, t: t, addr: addr, book: book}
	l.makeTopics()
	var workers sync.WaitGroup
	for _, work := range []func(){
		func() { l.write("idempotent", keptTopic, 20, kgo.ProducerBatchCompression(kgo.GzipCompression())) },
		func() { l.write("idempotent", keptTopic, 1, kgo.ProducerBatchCompression(kgo.NoCompression())) },
		func() {
			l.write("plain", plainTopic, 3, kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
		},
		func() { l.write("trimmed", trimmedTopic, 2, kgo.ProducerBatchCompression(kgo.NoCompression())) },
		func() { l.write("emptied", emptiedTopic, 1, kgo.ProducerBatchCompression(kgo.NoCompression())) },
		l.cut, l.compact, l.transfer, l.commit, l.createTopics,
		func() { l.consume("member's commit", "members", keptTopic) },
		func() { l.consume("static member's commit", "statics", plainTopic, kgo.InstanceID("one")) },
	} {
		workers.Go(work)
	}
	t.Cleanup(func() {
		cancel()
		workers.Wait()
	})
}

// client is one that comes back quickly. It lives through the kills.
func (l *load) client(opts ...kgo.Opt) *kgo.Client {
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(l.addr),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }),
		kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
		kgo.ProducerLinger(0),
	}, opts...)
	c, err := kgo.NewClient(opts...)
	if err != nil {
		panic(err) // an option is wrong
	}
	return c
}

func (l *load) makeTopics() {
	c := l.client()
	defer c.Close()
	for name, configs := range loadTopics {
		set := map[string]*string{}
		for k, v := range configs {
			set[k] = &v
		}
		resp, err := kadm.NewClient(c).CreateTopic(l.ctx, loadPartitions, 1, set, name)
		if err = errors.Join(err, resp.Err); err != nil {
			l.t.Fatal(err)
		}
		l.book.change("topic", func() { l.book.topics[name] = loadPartitions })
	}
}

// turns calls turn with 0, 1, 2 … until the test ends, never during a check.
func (l *load) turns(turn func(n int)) {
	for n := 0; l.ctx.Err() == nil; n++ {
		l.turn(func() { turn(n) })
	}
}

func (l *load) turn(do func()) {
	l.book.busy.RLock()
	defer l.book.busy.RUnlock()
	do()
}

// write writes batches to a topic.
func (l *load) write(kind, topic string, size int, opts ...kgo.Opt) {
	c := l.client(opts...)
	defer c.Close()
	l.turns(func(n int) {
		var batch []*kgo.Record
		for i := range size {
			value := fmt.Sprintf("%s-%d-%d-%d", kind, size, n, i)
			batch = append(batch, &kgo.Record{Topic: topic, Value: []byte(value)})
		}
		for _, r := range c.ProduceSync(l.ctx, batch...) {
			if r.Err == nil {
				l.book.wrote(kind, r.Record)
			} else if l.ctx.Err() == nil && kind != "plain" {
				l.t.Errorf("an idempotent producer failed: %v", r.Err)
			}
		}
	})
}

// cut writes records and deletes them by request.
func (l *load) cut() {
	c := l.client()
	defer c.Close()
	l.turns(func(n int) {
		r := &kgo.Record{Topic: cutTopic, Value: []byte("cut-" + strconv.Itoa(n))}
		if c.ProduceSync(l.ctx, r).FirstErr() != nil {
			return
		}
		l.book.wrote("cut", r)
		if n%10 != 0 {
			return
		}
		to := kadm.Offsets{}
		to.AddOffset(cutTopic, r.Partition, r.Offset+1, -1)
		if n%20 == 0 {
			to = kadm.Offsets{}
			to.AddOffset(cutTopic, r.Partition, r.Offset-2, -1)
		}
		resp, err := kadm.NewClient(c).DeleteRecords(l.ctx, to)
		if err == nil && resp.Error() == nil {
			l.book.change("records deleted", func() {})
		}
	})
}

// compact writes ever greater numbers under a few keys.
func (l *load) compact() {
	c := l.client(kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	defer c.Close()
	l.turns(func(turn int) {
		n := int64(turn) + 1
		key := "key-" + strconv.FormatInt(n%60, 10)
		r := &kgo.Record{Topic: compactedTopic, Key: []byte(key), Value: []byte(strconv.FormatInt(n, 10))}
		if c.ProduceSync(l.ctx, r).FirstErr() == nil {
			l.book.change("compacted", func() { l.book.keys[key] = n })
		}
	})
}

// transfer writes to two topics in one transaction, and aborts every fourth.
func (l *load) transfer() {
	var c *kgo.Client
	l.turns(func(n int) {
		if c == nil {
			c = l.client(kgo.TransactionalID("bank"), kgo.TransactionTimeout(10*time.Second))
		}
		if l.transferOnce(c, n) != nil {
			c.Close() // this producer may be unusable
			c = nil
		}
	})
	if c != nil {
		c.Close()
	}
}

func (l *load) transferOnce(c *kgo.Client, n int) error {
	if err := c.BeginTransaction(); err != nil {
		return err
	}
	value := []byte("txn-" + strconv.Itoa(n))
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	wrote := c.ProduceSync(ctx, &kgo.Record{Topic: debitTopic, Value: value}, &kgo.Record{Topic: creditTopic, Value: value}).FirstErr()
	end := kgo.TransactionEndTry(wrote == nil && n%4 != 0)
	err := c.EndTransaction(ctx, end)
	if err == nil {
		l.book.change("transaction", func() {
			l.book.txns[string(value)] = abortedTxn
			if end {
				l.book.txns[string(value)] = committedTxn
			}
		})
	}
	return errors.Join(wrote, err)
}

// commit commits ever greater offsets without being a member.
func (l *load) commit() {
	c := l.client()
	defer c.Close()
	l.turns(func(turn int) {
		n := int64(turn) + 1
		key := commitKey{"tool", spot{keptTopic, int32(n % loadPartitions)}}
		l.book.committing(key, n)
		offsets := kadm.Offsets{}
		offsets.AddOffset(key.topic, key.partition, n, -1)
		resp, err := kadm.NewClient(c).CommitOffsets(l.ctx, key.group, offsets)
		if err == nil && resp.Error() == nil {
			l.book.committed("commit", key, n)
		}
	})
}

// consume reads a topic as a group's member and commits each poll.
func (l *load) consume(kind, group, topic string, opts ...kgo.Opt) {
	c := l.client(append(opts, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.FetchMaxWait(50*time.Millisecond))...)
	defer func() {
		_ = c.LeaveGroupContext(l.ctx) // which is over: nobody waits for the broker
		c.Close()
	}()
	for l.ctx.Err() == nil {
		fetches := c.PollRecords(l.ctx, 50)
		l.turn(func() { l.commitPolled(c, kind, group, fetches) })
	}
}

func (l *load) commitPolled(c *kgo.Client, kind, group string, fetches kgo.Fetches) {
	heads := map[spot]int64{}
	fetches.EachRecord(func(r *kgo.Record) { heads[spot{r.Topic, r.Partition}] = r.Offset + 1 })
	for at, head := range heads {
		l.book.committing(commitKey{group, at}, head)
	}
	ctx, cancel := context.WithTimeout(l.ctx, time.Second)
	defer cancel()
	if c.CommitRecords(ctx, fetches.Records()...) != nil {
		return
	}
	for at, head := range heads {
		l.book.committed(kind, commitKey{group, at}, head)
	}
}

// createTopics creates topics by request and by use, writes to them, and
// deletes some of them again.
func (l *load) createTopics() {
	c := l.client(kgo.AllowAutoTopicCreation())
	defer c.Close()
	admin := kadm.NewClient(c)
	l.turns(func(n int) {
		auto, made := fmt.Sprintf("auto.%d", n), fmt.Sprintf("made-%d", n)
		if l.autoCreate(c, auto) {
			l.book.change("auto-created", func() { l.book.topics[auto] = 1 })
		}
		resp, err := admin.CreateTopic(l.ctx, loadPartitions, 1, nil, made)
		if err == nil && resp.Err == nil {
			l.book.change("created", func() { l.book.topics[made] = loadPartitions })
			for p := range int32(loadPartitions) {
				l.writeTo(made, p)
			}
		}
		if n >= 2 && n%3 != 0 {
			l.deleteTopic(admin, fmt.Sprintf("made-%d", n-2))
		}
	})
}

func (l *load) autoCreate(c *kgo.Client, topic string) bool {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(l.ctx, c)
	return err == nil && len(resp.Topics) == 1 && resp.Topics[0].ErrorCode == 0
}

// writeTo writes one record with a client of its own: one that lives on would
// ask for the topic after it is gone.
func (l *load) writeTo(topic string, partition int32) {
	p := l.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RecordRetries(5))
	defer p.Close()
	r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte("in " + topic)}
	if p.ProduceSync(l.ctx, r).FirstErr() == nil {
		l.book.wrote("in a new topic", r)
	}
}

func (l *load) deleteTopic(admin *kadm.Client, topic string) {
	l.book.mu.Lock()
	_, there := l.book.topics[topic]
	delete(l.book.topics, topic)
	for p := range int32(loadPartitions) {
		delete(l.book.records, spot{topic, p})
	}
	l.book.mu.Unlock()
	if !there {
		return
	}
	resp, err := admin.DeleteTopic(l.ctx, topic)
	if err == nil && (resp.Err == nil || errors.Is(resp.Err, kerr.UnknownTopicOrPartition)) {
		l.book.change("deleted", func() { l.book.deleted[topic] = true })
	}
}
