package fromnest

import (
	"context"

	"github.com/siskin-go/siskin"
)

// Shop is what calls the service.
type Shop struct {
	Client *siskin.Client
}

// Price asks for a price.
func (s *Shop) Price(ctx context.Context, sku string, pieces int) (Price, error) {
	return Quote.Send(ctx, s.Client, QuoteRequest{SKU: sku, Pieces: pieces})
}

// Place tells everybody about an order. Its id is the key, so all events of one
// order are in one partition.
func (s *Shop) Place(ctx context.Context, order Order) error {
	_, err := Placed.Emit(ctx, s.Client, order, siskin.WithKey(string(order.ID)))
	return err
}

// Follow calls each with the steps of an order until the last one.
func (s *Shop) Follow(ctx context.Context, id OrderID, each func(Status)) error {
	for status, err := range Watch.Stream(ctx, s.Client, id) {
		if err != nil {
			return err
		}
		each(status)
	}
	return nil
}
