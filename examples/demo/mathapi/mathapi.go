// Package mathapi is the contract of the math service: the topics, and the types
// that travel on them. The service and its callers import it, and nothing of
// each other.
package mathapi

import "github.com/siskin-go/siskin"

// The contract.
var (
	Sum   = siskin.NewRPC[[]float64, float64]("sum")
	Max   = siskin.NewRPC[[]float64, float64]("max")
	Print = siskin.NewEvent[string]("print")
)
