// Command watermill is the side "watermill" of the benchmark: Watermill's
// component requestreply over its Kafka adapter. It is a module of its own, so
// that its Kafka client is nobody else's.
package main

import (
	"fmt"
	"os"

	"github.com/siskin-go/siskin/bench/internal/program"
)

func main() {
	if err := program.Main(watermillSide{}, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "watermill:", err)
		os.Exit(1)
	}
}
