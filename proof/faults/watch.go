package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// watch looks at the group from outside, without faults: how far it has committed.
type watch struct {
	client *kgo.Client
	admin  *kadm.Client
	seen   []commit
}

// commit is a committed offset that was seen to have moved.
type commit struct {
	place
	At     int64 // microseconds of the clock, when the answer had come
	Offset int64
	Note   string // its metadata
}

func newWatch(brokers []string) (*watch, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return nil, err
	}
	return &watch{client: client, admin: kadm.NewClient(client)}, nil
}

// follow notes the commits until ctx ends.
func (w *watch) follow(ctx context.Context) {
	last := make(map[place]int64)
	for {
		w.look(ctx, last)
		if !sleep(ctx, 200*time.Millisecond) {
			return
		}
	}
}

func (w *watch) look(ctx context.Context, last map[place]int64) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	offsets, err := w.admin.FetchOffsets(ctx, group+"-server")
	if err != nil {
		return // a broker restarts: the next look is soon
	}
	now := time.Now().UnixMicro()
	offsets.Each(func(o kadm.OffsetResponse) {
		at := place{o.Topic, o.Partition}
		before, known := last[at]
		if o.Err == nil && o.At >= 0 && (!known || o.At != before) {
			last[at] = o.At
			w.seen = append(w.seen, commit{place: at, At: now, Offset: o.At, Note: o.Metadata})
		}
	})
}

// behind is how many records of the topics the group has not committed.
func (w *watch) behind(ctx context.Context) (total int64, where string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	topics, err := w.topics(ctx)
	if err != nil {
		return 0, "", err
	}
	ends, err := w.admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, "", err
	}
	offsets, err := w.admin.FetchOffsets(ctx, group+"-server")
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return 0, "", err
	}
	ends.Each(func(end kadm.ListedOffset) {
		at := int64(0)
		if o, ok := offsets.Lookup(end.Topic, end.Partition); ok {
			at = max(at, o.At)
		}
		if left := end.Offset - at; left > 0 {
			total += left
			where += fmt.Sprintf(" %s/%d: %d to %d;", end.Topic, end.Partition, at, end.Offset)
		}
	})
	return total, where, nil
}

// topics are those that the group reads: the sources and, where a mode has some,
// those of its retries.
func (w *watch) topics(ctx context.Context) ([]string, error) {
	details, err := w.admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	names := details.Names()
	return slices.DeleteFunc(names, func(name string) bool { return !isRead(name) && !strings.HasSuffix(name, wire.RetrySuffix) }), nil
}

// drain returns when the group has committed everything, or when nothing has moved
// for as long as patience.
func (w *watch) drain(ctx context.Context, tell func(left int64)) error {
	best, since := int64(-1), time.Now()
	var where string
	for {
		left, at, err := w.behind(ctx)
		switch {
		case err != nil:
			at = err.Error()
		case left == 0:
			return nil
		case best < 0 || left < best:
			best, since = left, time.Now()
		}
		where = at
		tell(left)
		if time.Since(since) > patience {
			return fmt.Errorf("the group does not finish: %s", where)
		}
		if !sleep(ctx, 300*time.Millisecond) {
			return ctx.Err()
		}
	}
}
