// Command siskin runs the demo and an embedded broker, and calls, emits to and
// watches services on Kafka. Start with: siskin demo
package main

import (
	"os"

	"github.com/siskin-go/siskin/cmd/siskin/internal/cli"
)

func main() { os.Exit(cli.Main()) }
