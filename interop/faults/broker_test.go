package faults_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is the broker of this run, as a third program sees it that is neither
// Siskin nor NestJS.
type broker struct {
	addrs  []string
	prefix string // of all topics and groups
	kafka  *kgo.Client
	plain  *kadm.Client
}

func newBroker(t *testing.T) *broker {
	b := &broker{addrs: siskintest.Brokers(t), prefix: siskintest.Name("faults") + "."}
	var err error
	b.kafka, err = kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	b.plain = kadm.NewClient(b.kafka)
	t.Cleanup(func() {
		if siskintest.Real() {
			b.cleanUp(t)
		}
		b.kafka.Close()
	})
	return b
}

// cleanUp leaves a real broker as it was.
func (b *broker) cleanUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	topics, err := b.plain.ListTopics(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	groups, err := b.plain.ListGroups(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	numbers := []string{numberTopic(sharedPrefix(b, "Siskin")), numberTopic(sharedPrefix(b, "NestJS"))}
	foreign := func(name string) bool {
		return !strings.HasPrefix(name, b.prefix) && !slices.Contains(numbers, name)
	}
	if _, err := b.plain.DeleteTopics(ctx, slices.DeleteFunc(topics.Names(), foreign)...); err != nil {
		t.Error(err)
	}
	if _, err := b.plain.DeleteGroups(ctx, slices.DeleteFunc(groups.Groups(), foreign)...); err != nil {
		t.Error(err)
	}
}

// anonymous is an error without the names of topics and groups, which are others
// in each run.
func (b *broker) anonymous(err error) error {
	if err == nil {
		return nil
	}
	names := regexp.MustCompile(regexp.QuoteMeta(b.prefix) + `[a-z0-9.-]*[a-z0-9]`)
	return errors.New(names.ReplaceAllString(err.Error(), "T"))
}

// makeTopic returns when the topic's leaders take requests: a NestJS program
// dies when they do not.
func (b *broker) makeTopic(ctx context.Context, name string, partitions int32, configs map[string]*string) error {
	made, err := b.plain.CreateTopic(ctx, partitions, 1, configs, name)
	if err == nil {
		err = made.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return err
	}
	return testtopics.Await(ctx, b.plain, partitions, name)
}

// poll asks the broker again and again until the answer is there.
func poll(ctx context.Context, ask func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := ask(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// log returns all records of a topic.
func (b *broker) log(ctx context.Context, topic string) (records []*kgo.Record, err error) {
	ends, err := b.plain.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	from, missing := map[int32]kgo.Offset{}, int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			from[end.Partition], missing = kgo.NewOffset().At(0), missing+end.Offset
		}
	})
	if missing == 0 {
		return nil, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for int64(len(records)) < missing {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}
