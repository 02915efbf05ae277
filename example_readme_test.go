package siskin_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/examples/demo/mathapi"
	"github.com/siskin-go/siskin/examples/demo/mathsvc"
)

// The service and the client of the README, on a broker of their own.
func Example_readme() {
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	defer broker.Close()
	brokers := broker.Addrs()
	ctx, stop := context.WithCancel(context.Background())

	svc, err := siskin.NewService(siskin.Config{Brokers: brokers, ClientID: "nestjs", Group: "nestjs-consumer"})
	mathsvc.Register(svc, os.Stdout)
	printed := make(chan struct{})
	svc.Use(func(next siskin.Handler) siskin.Handler {
		return func(ctx context.Context, d *siskin.Delivery, reply func(any) error) error {
			if d.Topic() == mathapi.Print.Pattern() {
				defer close(printed)
			}
			return next(ctx, d, reply)
		}
	})
	ended := make(chan error)
	go func() {
		err = svc.Run(ctx) // blocks; drains when ctx ends
		ended <- err
	}()
	if err := svc.Ready(ctx); err != nil {
		panic(err)
	}

	client, err := siskin.NewClient(siskin.Config{Brokers: brokers, ClientID: "nestjs"})
	if err != nil {
		panic(err)
	}
	total, err := mathapi.Sum.Send(ctx, client, []float64{1, 2, 3})
	fmt.Println(total, err)
	meta, err := mathapi.Print.Emit(ctx, client, "hello") // topic, partition, offset, timestamp
	fmt.Println(meta.Topic, meta.Partition, meta.Offset, err)

	<-printed
	stop()
	fmt.Println(<-ended, client.Close(context.Background()))
	// Unordered output:
	// 6 <nil>
	// print 0 0 <nil>
	// print: hello
	// <nil> <nil>
}

// Each line of Go in the README is a line of a program that is compiled and
// tested.
func TestTheReadmeShowsWhatIsTested(t *testing.T) {
	t.Parallel()
	var known []string
	for _, file := range []string{
		"example_readme_test.go", "examples/demo/mathapi/mathapi.go", "examples/demo/mathsvc/mathsvc.go",
		"examples/demo/mathhttp/mathhttp.go",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			known = append(known, strings.TrimSpace(line))
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for block := range strings.SplitSeq(string(readme), "```go\n") {
		code, _, ok := strings.Cut(block, "```")
		if !ok || strings.HasPrefix(block, "# Siskin") {
			continue
		}
		for line := range strings.Lines(code) {
			if line = strings.TrimSpace(line); !slices.Contains(known, line) {
				t.Errorf("not in any program: %s", line)
			}
			shown++
		}
	}
	if shown < 20 {
		t.Errorf("only %d lines found", shown)
	}
}
