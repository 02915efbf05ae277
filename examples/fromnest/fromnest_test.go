package fromnest_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/fromnest"
	"github.com/siskin-go/siskin/siskintest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop runs the service and returns a caller of it, and the orders that the
// service has stored.
func shop(t *testing.T) (*fromnest.Shop, <-chan fromnest.Order) {
	t.Helper()
	stored := make(chan fromnest.Order, 10)
	attempts := 0
	orders := &fromnest.Orders{
		Prices: map[string]int64{"tea": 250},
		Steps:  func(fromnest.OrderID) []string { return []string{"packed", "sent"} },
		Store: func(_ context.Context, o fromnest.Order) error {
			if attempts++; attempts == 1 {
				return fromnest.ErrBusy
			}
			stored <- o
			return nil
		},
	}
	cfg := siskintest.Config(t)
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	orders.Register(svc)
	siskintest.Run(t, svc)
	return &fromnest.Shop{Client: siskintest.Client(t, cfg)}, stored
}

func TestShop(t *testing.T) {
	t.Parallel()
	s, stored := shop(t)
	price, err := s.Price(t.Context(), "tea", 3)
	if want := (fromnest.Price{Value: 750, Currency: "EUR"}); err != nil || price != want {
		t.Errorf("the price is %v, %v; want %v", price, err, want)
	}
	if _, err := s.Price(t.Context(), "coffee", 1); siskin.CodeOf(err) != siskin.CodeNotFound {
		t.Errorf("an unknown item: %v, want the code %q", err, siskin.CodeNotFound)
	}
	if _, err := s.Price(t.Context(), "tea", 0); siskin.CodeOf(err) != siskin.CodeInvalid {
		t.Errorf("no pieces: %v, want the code %q", err, siskin.CodeInvalid)
	}

	var steps []string
	if err := s.Follow(t.Context(), "7", func(st fromnest.Status) { steps = append(steps, st.Step) }); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"packed", "sent"}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}

	want := fromnest.Order{ID: "7", SKU: "tea"}
	if err := s.Place(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-stored: // at the second attempt
		if got != want {
			t.Errorf("stored %v, want %v", got, want)
		}
	case <-t.Context().Done():
		t.Error("the order was not stored")
	}
}
