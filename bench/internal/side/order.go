package side

import (
	"encoding/json"
	"strings"
)

// Order is an event that a side decodes before it counts.
type Order struct {
	ID       int64    `json:"id"`
	Customer string   `json:"customer"`
	Amount   float64  `json:"amount"`
	Items    []string `json:"items"`
	Note     string   `json:"note"`
}

// OrderText is an order as JSON of size bytes, or of as few as there can be.
func OrderText(size int) []byte {
	o := Order{ID: 4711, Customer: "customer-815", Amount: 99.5, Items: []string{"one", "another"}}
	text, _ := json.Marshal(o) // numbers and texts cannot fail
	o.Note = strings.Repeat("x", max(0, size-len(text)))
	text, _ = json.Marshal(o)
	return text
}
