package fromnest

import (
	"context"
	"errors"
	"time"

	"github.com/siskin-go/siskin"
)

// Orders is the controller.
type Orders struct {
	Prices map[string]int64
	Store  func(context.Context, Order) error
	Steps  func(OrderID) []string
}

// ErrBusy is what Store returns when trying again soon will help.
var ErrBusy = errors.New("the store is busy")

// Register is what the decorators do in NestJS.
func (o *Orders) Register(r siskin.Registrar) {
	Quote.Handle(r, o.quote)
	Watch.HandleStream(r, o.watch)
	Placed.On(r, o.placed)
}

func (o *Orders) quote(_ context.Context, req QuoteRequest) (Price, error) {
	each, ok := o.Prices[req.SKU]
	if !ok {
		return Price{}, siskin.Errorf(siskin.CodeNotFound, "no item %q", req.SKU)
	}
	return Price{Value: each * int64(req.Pieces), Currency: "EUR"}, nil
}

func (o *Orders) watch(_ context.Context, id OrderID, send func(Status) error) error {
	for _, step := range o.Steps(id) {
		if err := send(Status{Step: step}); err != nil {
			return err
		}
	}
	return nil
}

func (o *Orders) placed(ctx context.Context, order Order) error {
	err := o.Store(ctx, order)
	if errors.Is(err, ErrBusy) {
		return siskin.RetryAfter(100*time.Millisecond, err)
	}
	return err
}
