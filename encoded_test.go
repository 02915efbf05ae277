package siskin_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/siskintest"
)

var errCopied = errors.New("the value was copied")

// uncopied says whether a handler has got the value of its record itself.
func uncopied(d *siskin.Delivery, v codec.Encoded) error {
	if !bytes.Equal(d.Value(), v) || &d.Value()[0] != &v[0] {
		return siskin.DeadLetter(errCopied)
	}
	return nil
}

// A value that nobody decodes goes through all that values go through as it is: bytes
// that no codec would make, and not copied.
func TestEncodedValuesAreNotCopied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	odd := codec.Encoded("\x00{ not JSON \xff")
	got := make(chan codec.Encoded, 10)
	take := func(ctx context.Context, v codec.Encoded) error {
		d, _ := siskin.DeliveryFrom(ctx)
		if err := uncopied(d, v); err != nil {
			return err
		}
		got <- v
		return nil
	}
	event := siskin.NewEvent[codec.Encoded](siskintest.Name("event"))
	batch := siskin.NewEvent[codec.Encoded](siskintest.Name("batch"))
	echo := siskin.NewRPC[codec.Encoded, codec.Encoded](siskintest.Name("echo"))
	twice := siskin.NewRPC[codec.Encoded, codec.Encoded](siskintest.Name("twice"))
	svc := b.service()
	event.On(svc, take)
	batch.OnBatch(svc, func(ctx context.Context, values []codec.Encoded) error {
		for i, d := range siskin.DeliveriesFrom(ctx) {
			if err := uncopied(d, values[i]); err != nil {
				return err
			}
			got <- values[i]
		}
		return nil
	}, siskin.BatchSize(1))
	echo.Handle(svc, func(ctx context.Context, v codec.Encoded) (codec.Encoded, error) { return v, take(ctx, v) })
	twice.HandleStream(svc, func(ctx context.Context, v codec.Encoded, send func(codec.Encoded) error) error {
		return errors.Join(take(ctx, v), send(v), send(v))
	})
	b.run(svc)
	client := b.client()

	for _, topic := range []siskin.Event[codec.Encoded]{event, batch} {
		if _, err := topic.Emit(b.ctx(), client, odd); err != nil {
			t.Fatal(err)
		}
		if v := receive(t, got); !cmp.Equal(v, odd) {
			t.Errorf("%s: got %q, want %q", topic.Pattern(), v, odd)
		}
	}
	if v, err := echo.Send(b.ctx(), client, odd); err != nil || !cmp.Equal(v, odd) {
		t.Errorf("got %q, %v, want %q", v, err, odd)
	}
	if v, err := collect(twice.Stream(b.ctx(), client, odd)); err != nil || !cmp.Equal(v, []codec.Encoded{odd, odd}) {
		t.Errorf("got %q, %v, want %q twice", v, err, odd)
	}
}
