// Package program is the server and the client of a side as programs of their
// own, with the line protocol that the programs of all languages speak; see
// bench/README.md.
package program

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/bench/internal/measure"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/internal/load"
)

// Figures is the answer to a command, as JSON. Times are in nanoseconds.
type Figures struct {
	Count uint64        `json:"count"`
	Took  time.Duration `json:"took_ns"`
	P50   time.Duration `json:"p50_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
	Error string        `json:"error,omitempty"`
}

// Main runs one half of s: args are "server" or "client", then the settings as
// NAME=VALUE. It ends when stdin does, however the parent ends.
func Main(s side.Side, args []string, stdin io.Reader, stdout io.Writer) (err error) {
	signal.Ignore(os.Interrupt) // the parent gets it too, and ends us in order
	if len(args) == 0 {
		return errors.New(`say "server" or "client", and NAME=VALUE after it`)
	}
	at, profile, err := settings(args[1:])
	if err != nil {
		return err
	}
	stop, err := startProfile(profile, args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	switch args[0] {
	case "server":
		return serve(s, at, stdin, stdout)
	case "client":
		return call(s, at, stdin, stdout)
	}
	return fmt.Errorf("%q: neither server nor client", args[0])
}

// settings are those of a half. An unknown name is left alone: it is for a
// program of another language.
func settings(args []string) (at side.Target, profile string, err error) {
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		errOne := scale(&at.Scale, name, value)
		switch name {
		case "brokers":
			at.Brokers = strings.Split(value, ",")
		case "pattern":
			at.Pattern = value
		case "op":
			at.Op = side.Op(value)
		case "size":
			at.Size, errOne = strconv.Atoi(value)
		case "partitions":
			at.Partitions, errOne = strconv.Atoi(value)
		case "delay_ms":
			var ms int
			ms, errOne = strconv.Atoi(value)
			at.Delay = time.Duration(ms) * time.Millisecond
		case "profile":
			profile = value
		}
		if errOne != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, errOne))
		}
	}
	return at, profile, errors.Join(err, at.Op.Check())
}

// scale reads a setting of the scale, if it is one.
func scale(s *side.Scale, name, value string) (err error) {
	number := map[string]*int{
		"handlers": &s.Handlers, "clients": &s.Clients, "reply_partitions": &s.ReplyPartitions, "waiting": &s.Waiting,
	}
	flag := map[string]*bool{"all_called": &s.AllCalled, "own_replies": &s.OwnReplies}
	if into := number[name]; into != nil {
		*into, err = strconv.Atoi(value)
	}
	if into := flag[name]; into != nil {
		*into, err = strconv.ParseBool(value)
	}
	return err
}

// serve answers "handled N" and "started", beside what every half answers.
func serve(s side.Side, at side.Target, stdin io.Reader, stdout io.Writer) error {
	seen := newTally()
	at.Handled = seen.add
	server, err := s.Serve(context.Background(), at)
	if err != nil {
		return err
	}
	err = converse(stdin, stdout, nil, func(ctx context.Context, words []string) (Figures, error) {
		if words[0] == "started" {
			return started(ctx, server)
		}
		if len(words) != 2 || words[0] != "handled" {
			return Figures{}, fmt.Errorf("%q: a server knows only handled N, started, usage and memory", words)
		}
		n, err := strconv.ParseUint(words[1], 10, 63)
		if err != nil {
			return Figures{}, err
		}
		took, err := seen.await(ctx, n)
		return Figures{Count: n, Took: took}, err
	})
	return errors.Join(err, server.Close())
}

// started is how long the server took to have its partitions; nothing if it does
// not know.
func started(ctx context.Context, server side.Server) (Figures, error) {
	s, ok := server.(side.Starter)
	if !ok {
		return Figures{}, nil
	}
	took, err := s.Ready(ctx)
	return Figures{Count: 1, Took: took}, err
}

// call answers "load NAME=VALUE…", beside what every half answers.
func call(s side.Side, at side.Target, stdin io.Reader, stdout io.Writer) error {
	if at.Clients > 0 {
		at.Traffic = new(side.Traffic)
	}
	client, err := dial(s, at)
	if err != nil {
		return err
	}
	err = converse(stdin, stdout, at.Traffic, func(ctx context.Context, words []string) (Figures, error) {
		if words[0] != "load" {
			return Figures{}, fmt.Errorf("%q: a client knows only load, usage and memory", words)
		}
		p, err := plan(words[1:])
		if err != nil {
			return Figures{}, err
		}
		res, err := load.Run(ctx, p, client.Call)
		if err != nil {
			return Figures{}, err
		}
		return figures(res), res.Err
	})
	return errors.Join(err, client.Close())
}

// plan reads what "load" asks for.
func plan(words []string) (load.Plan, error) {
	p := load.Plan{StopOnError: true}
	var errs []error
	for _, word := range words {
		name, text, _ := strings.Cut(word, "=")
		value, err := strconv.ParseFloat(text, 64)
		switch name {
		case "in_flight":
			p.InFlight = int(value)
		case "duration_ms":
			p.Duration = time.Duration(value) * time.Millisecond
		case "count":
			p.Count = uint64(value)
		case "rate":
			p.Rate = value
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", word, err))
		}
	}
	return p, errors.Join(errs...)
}

func figures(res *load.Result) Figures {
	h := &res.Latencies
	return Figures{
		Count: h.Count(), Took: res.Took,
		P50: h.Quantile(0.50), P99: h.Quantile(0.99), P999: h.Quantile(0.999), Max: h.Max(),
	}
}

// Usage is the answer to "usage".
type Usage struct {
	measure.Allocs
	Read uint64 `json:"read_bytes,omitempty"` // from brokers, where that is counted
}

func usage(t *side.Traffic) Usage {
	u := Usage{Allocs: measure.OwnAllocs()}
	if t != nil {
		u.Read = t.Read()
	}
	return u
}

// converse says that it is ready, then answers a line with a line. Each half
// answers "usage" with what it has allocated, and "memory" with what it holds.
func converse(stdin io.Reader, stdout io.Writer, read *side.Traffic, answer func(context.Context, []string) (Figures, error)) error {
	if _, err := fmt.Fprintln(stdout, "ready"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lines := make(chan string)
	ended := make(chan error, 1)
	go func() { // so that the end of stdin ends a command too
		in := bufio.NewScanner(stdin)
		for in.Scan() {
			lines <- in.Text()
		}
		cancel()
		ended <- in.Err()
		close(lines)
	}()
	out := json.NewEncoder(stdout)
	for line := range lines {
		if err := out.Encode(reply(ctx, strings.Fields(line), read, answer)); err != nil {
			return err
		}
	}
	return <-ended
}

func reply(ctx context.Context, words []string, read *side.Traffic, answer func(context.Context, []string) (Figures, error)) any {
	switch {
	case len(words) == 0:
		return Figures{Error: "an empty line"}
	case words[0] == "usage":
		return usage(read)
	case words[0] == "memory":
		return measure.OwnMemory()
	}
	f, err := answer(ctx, words)
	if err != nil {
		f.Error = err.Error()
	}
	return f
}
