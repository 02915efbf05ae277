package cli_test

import (
	"context"
	"errors"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// world is a broker with a service that the command line can call.
type world struct {
	cfg    siskin.Config
	topics map[string]string // the variable of a script, and the topic it stands for
}

// newWorld runs a service whose topics nobody else uses, also on a shared
// broker.
func newWorld(t *testing.T) world {
	t.Helper()
	w := world{cfg: siskintest.Config(t), topics: make(map[string]string)}
	svc, err := siskin.NewService(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	siskin.Handle(svc, w.topic("sum"), func(_ context.Context, xs []float64) (total float64, _ error) {
		for _, x := range xs {
			total += x
		}
		return total, nil
	})
	siskin.Handle(svc, w.topic("echo"), func(ctx context.Context, value []byte) ([]byte, error) { return value, nil })
	siskin.Handle(svc, w.topic("conflict"), func(context.Context, any) (any, error) {
		return nil, siskin.Errorf(siskin.CodeConflict, "the order is closed").WithDetails(map[string]int{"id": 1})
	})
	siskin.Handle(svc, w.topic("broken"), func(context.Context, any) (any, error) {
		return nil, errors.New("a secret of the service")
	})
	siskin.Handle(svc, w.topic("unserved"), func(context.Context, any) (any, error) {
		return nil, siskin.Errorf(siskin.CodeUnimplemented, "not yet written")
	})
	siskintest.Run(t, svc)
	w.create(t, w.topic("silent"), 1)
	return w
}

func (w world) topic(name string) string {
	w.topics[name] = siskintest.Name(name)
	return w.topics[name]
}

// create makes a topic that no service reads.
func (w world) create(tb testing.TB, topic string, partitions int32) {
	tb.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(w.cfg.Brokers...))
	if err != nil {
		tb.Fatal(err)
	}
	defer kafka.Close()
	if err := testtopics.Create(tb.Context(), kadm.NewClient(kafka), partitions, nil, topic); err != nil {
		tb.Fatal(err)
	}
}
