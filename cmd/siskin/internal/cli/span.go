package cli

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// span is the part of a partition to read: from its first offset up to, not
// including, its end.
type span struct{ first, end int64 }

type partition struct {
	topic  string
	number int32
}

// spans are what is still to be read.
type spans map[partition]span

// spans asks where the partitions of topics begin and end. The offsets are
// numbers, so that no record between this answer and the first fetch is missed.
func (t *tail) spans(ctx context.Context, admin *kadm.Client, topics []string) (spans, error) {
	begins, err := admin.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = begins.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask where the topics begin: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask where the topics end: %w", err)
	}
	all := make(spans)
	ends.Each(func(end kadm.ListedOffset) {
		begin, _ := begins.Lookup(end.Topic, end.Partition)
		s := span{first: t.first(begin.Offset, end.Offset), end: end.Offset}
		if !t.untilEnd || s.first < s.end {
			all[partition{end.Topic, end.Partition}] = s
		}
	})
	return all, nil
}

// first is where reading begins in a partition.
func (t *tail) first(begin, end int64) int64 {
	if t.untilEnd && t.last == 0 {
		return begin
	}
	return max(begin, end-t.last)
}

// starts is the spans as the Kafka client wants them.
func (s spans) starts() map[string]map[int32]kgo.Offset {
	all := make(map[string]map[int32]kgo.Offset)
	for p, span := range s {
		if all[p.topic] == nil {
			all[p.topic] = make(map[int32]kgo.Offset)
		}
		all[p.topic][p.number] = kgo.NewOffset().At(span.first)
	}
	return all
}

// pass notes a record that was read and reports whether it lies in its span. A
// span that is read to its end is forgotten.
func (s spans) pass(r *kgo.Record) bool {
	p := partition{r.Topic, r.Partition}
	span, ok := s[p]
	if !ok {
		return false
	}
	if r.Offset >= span.end-1 {
		delete(s, p)
	}
	return r.Offset < span.end
}
