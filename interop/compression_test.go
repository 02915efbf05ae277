package interop_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Numbers of the codecs in a record batch.
const (
	noCodec   = 0
	gzipCodec = 1
)

// repetitive is worth compressing: franz-go leaves a batch plain when that would
// not make it smaller.
var repetitive = strings.Repeat("compress me ", 5_000)

// compression checks that Siskin compresses nothing unless asked, and that
// NestJS reads what it was asked to compress. kafkajs reads no codec but gzip;
// a record in any other stops its consumer for good.
func compression(t *testing.T, n *nest) {
	n.nestServer(t)
	t.Run("Gzip", func(t *testing.T) { gzip(t, n) })
	t.Run("LargeRecords", func(t *testing.T) { largeRecords(t, n) })
	seen := map[uint8]int{}
	for _, r := range n.all(t) {
		codec, want := r.Attrs.CompressionType(), uint8(noCodec)
		if asked(n, r) {
			want = gzipCodec
		}
		if codec != want {
			t.Errorf("%s/%d@%d has the codec %d, want %d", r.Topic, r.Partition, r.Offset, codec, want)
		}
		seen[codec]++
	}
	if seen[noCodec] == 0 || seen[gzipCodec] != 2 {
		t.Errorf("records by codec: %v; want many without and two with gzip", seen)
	}
}

// asked reports whether gzip was asked for.
func asked(n *nest, r *kgo.Record) bool {
	for _, h := range r.Headers {
		if h.Key == "gzip" {
			return true
		}
	}
	return r.Topic == n.topic("go.gzip.reply")
}

// gzip sends a compressed request to the NestJS server, and a compressed reply
// to the NestJS client.
func gzip(t *testing.T, n *nest) {
	own := *n
	own.cfg.Compression = "gzip"
	client := own.siskinClient(t)
	got, err := siskin.Send[string](n.ctx(t), client, n.topic("echo"), repetitive, siskin.WithHeader("gzip", "yes"))
	if err != nil || got != repetitive {
		t.Errorf("the echo has %d bytes, %v; want %d", len(got), err, len(repetitive))
	}
	serve(t, &own, func(svc *siskin.Service) { replies(repetitive)(svc, n.topic("go.gzip")) })
	theirs := &served{nest: n, client: n.nestClient(t)}
	theirs.check(t, "go.gzip", "x", list(quoted(repetitive)), "")
}

// largeRecords has Siskin write each kind of record.
func largeRecords(t *testing.T, n *nest) {
	letters := n.topic("go.poison-dlt")
	stored := make(chan struct{})
	serve(t, n, func(svc *siskin.Service) {
		replies(repetitive)(svc, n.topic("go.large"))
		streams(nil, 1, 2, 3)(svc, n.topic("go.large-stream"))
		siskin.On(svc, n.topic("go.poison"), func(context.Context, string) error {
			return siskin.DeadLetter(errors.New(repetitive))
		})
		siskin.On(svc, letters, func(context.Context, string) error {
			close(stored)
			return nil
		})
	})
	client := n.siskinClient(t)
	got, err := siskin.Send[string](n.ctx(t), client, n.topic("go.large"), repetitive)
	if err != nil || got != repetitive {
		t.Errorf("the reply has %d bytes, %v; want %d", len(got), err, len(repetitive))
	}
	if _, err := collect(siskin.Stream[int](n.ctx(t), client, n.topic("go.large-stream"), repetitive)); err != nil {
		t.Error(err)
	}
	if _, err := client.Emit(n.ctx(t), n.topic("go.poison"), repetitive); err != nil {
		t.Error(err)
	}
	select {
	case <-stored:
	case <-n.ctx(t).Done():
		t.Error("the dead letter did not come")
	}
}

// serve runs a service of its own group until t ends.
func serve(t *testing.T, n *nest, register func(*siskin.Service)) {
	t.Helper()
	cfg := n.cfg
	cfg.Group = siskintest.Name(n.cfg.Group)
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(svc)
	siskintest.Run(t, svc)
}
