// Package fromnest is the service of docs/guides/from-nestjs.md: what its NestJS
// controller and client do, in Go, on the same topics.
package fromnest

import (
	"errors"

	"github.com/siskin-go/siskin"
)

// The contract: topics, and what is on them.
var (
	Quote  = siskin.NewRPC[QuoteRequest, Price]("orders.quote")
	Watch  = siskin.NewRPC[OrderID, Status]("orders.watch")
	Placed = siskin.NewEvent[Order]("orders.placed")
)

// OrderID is the id of an order. On the wire it is text without quotes, as
// NestJS writes a string.
type OrderID string

// QuoteRequest asks for the price of some pieces of an item.
type QuoteRequest struct {
	SKU    string `json:"sku"`
	Pieces int    `json:"pieces"`
}

// Validate does what a ValidationPipe does: a request that fails it does not
// reach the handler, and its caller gets an error with the code "invalid".
func (r QuoteRequest) Validate() error {
	if r.Pieces < 1 {
		return errors.New("pieces must be at least 1")
	}
	return nil
}

// Price is in the smallest unit of its currency. In NestJS, an object with a
// field "value" would lose all its other fields on the way.
type Price struct {
	Value    int64  `json:"value"`
	Currency string `json:"currency"`
}

// Order is an order that a customer has placed.
type Order struct {
	ID  OrderID `json:"id"`
	SKU string  `json:"sku"`
}

// Status is where an order is.
type Status struct {
	Step string `json:"step"`
}
