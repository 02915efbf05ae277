package retry

import (
	"context"
	"errors"
	"fmt"

	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/publish"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrInPlace says that a record cannot wait in a retry topic: it would be too large,
// there is no room, or no such partition. It is to be tried again where it is.
var ErrInPlace = errors.New("the record cannot wait in its retry topic")

// Publisher stores copies in retry topics. Safe for concurrent use.
type Publisher struct {
	out    *publish.Publisher
	ensure func(ctx context.Context, source string) error
}

// NewPublisher returns a publisher. ensure sees to it that the retry topic of a source
// topic exists. The client must have the partitioner of Siskin.
func NewPublisher(client *kgo.Client, ensure func(ctx context.Context, source string) error) *Publisher {
	return &Publisher{out: publish.New(client), ensure: ensure}
}

// Store stores a copy that comes from the topic source, in the partition that it
// names. Until ctx ends it tries again, and tells failing about each failure. Its
// error wraps ErrInPlace when the copy can never be stored.
func (p *Publisher) Store(ctx context.Context, rec *kgo.Record, source string, failing func(error)) error {
	rec.Context = partitioner.Obey
	partition := rec.Partition
	for failures := 0; ; failures++ {
		rec.Partition = partition
		err := p.out.Store(ctx, rec, func(ctx context.Context) error { return p.ensure(ctx, source) })
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("copy for %s not stored: %w", rec.Topic, err)
		case publish.TooLarge(err):
			return fmt.Errorf("%w: %w", ErrInPlace, err)
		}
		failing(err)
		if errors.Is(err, kgo.ErrClientClosed) || publish.Again(ctx, failures) != nil {
			return fmt.Errorf("copy for %s not stored: %w", rec.Topic, err)
		}
	}
}
