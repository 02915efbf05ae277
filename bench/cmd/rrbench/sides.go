package main

import (
	"fmt"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/raw"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/bench/internal/siskinside"
)

// baseline is the side that the others are compared with.
const baseline = "raw"

// candidateSide is the one that has goals.
const candidateSide = "siskin"

// sides are all that can be measured. A new one is added here, and nowhere else.
var sides = []side.Side{
	raw.Side{},
	siskinside.Side{},
}

// sideNames are the names of all sides, separated by commas.
func sideNames() string {
	names := make([]string, len(sides))
	for i, s := range sides {
		names[i] = s.Name()
	}
	return strings.Join(names, ",")
}

// findSides looks names up, in their order.
func findSides(names []string) ([]side.Side, error) {
	var found []side.Side
	for _, name := range names {
		s, err := findSide(name)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}

func findSide(name string) (side.Side, error) {
	for _, s := range sides {
		if s.Name() == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("side %q: unknown; there are %s", name, sideNames())
}
