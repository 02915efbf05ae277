package interop_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/config/nestjs"
	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
)

// secured is a broker with passwords, and a user who may do everything.
type secured struct {
	broker string
	ca     string // PEM
	user   security.Settings
}

func newSecured(t *testing.T) secured {
	t.Helper()
	b := testsecure.Start(t)
	user := b.User(t, security.ScramSHA512)
	b.Grant(t, "User:"+user.User, testsecure.RightTo(kadm.OpAll, security.Topic, "*"),
		testsecure.RightTo(kadm.OpAll, security.Group, "*"), testsecure.RightTo(kadm.OpAll, security.Cluster, ""))
	ca, err := os.ReadFile(b.CA)
	if err != nil {
		t.Fatal(err)
	}
	return secured{b.Addr, string(ca), user}
}

// options are what a NestJS team writes into a settings file.
func (s *secured) options(t *testing.T, group string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"client": map[string]any{
			"clientId": "nestjs", "brokers": []string{s.broker}, "ssl": map[string]any{"ca": []string{s.ca}},
			"sasl": map[string]any{"mechanism": "scram-sha-512", "username": s.user.User, "password": s.user.Password.Reveal()},
		},
		"consumer": map[string]any{"groupId": group},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// One settings file for NestJS and for Siskin: each calls the other over TLS, as a
// user with a password.
func TestSecured(t *testing.T) {
	s := newSecured(t)
	prefix := siskintest.Name("secured") + "."
	nestText, goText := s.options(t, siskintest.Name("nest")), s.options(t, siskintest.Name("go"))
	options, err := nestjs.Parse(goText)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PREFIX=" + prefix, "PATTERNS=go.double", "OPTIONS=" + string(nestText)}

	t.Run("SiskinCallsNest", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), startPatience)
		defer cancel()
		server, err := peer.StartServer(ctx, "nest", env...)
		if err != nil {
			t.Fatal(err)
		}
		defer stop(t, server.Process)
		cfg, err := options.Caller()
		if err != nil {
			t.Fatal(err)
		}
		total, err := siskin.Send[float64](ctx, siskintest.Client(t, cfg), prefix+"sum", []float64{1, 2, 3})
		if err != nil || total != 6 {
			t.Errorf("got %v, %v; want 6", total, err)
		}
	})
	t.Run("NestCallsSiskin", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), startPatience)
		defer cancel()
		cfg, err := options.Server()
		if err != nil {
			t.Fatal(err)
		}
		svc, err := siskin.NewService(cfg)
		if err != nil {
			t.Fatal(err)
		}
		siskin.Handle(svc, prefix+"go.double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
		siskintest.Run(t, svc)
		client, err := peer.StartClient(ctx, "nest", env...)
		if err != nil {
			t.Fatal(err)
		}
		defer stop(t, client.Process)
		call, err := client.Begin("send", "go.double", 21, 0)
		if err != nil {
			t.Fatal(err)
		}
		end, err := call.End(ctx)
		if err != nil || len(end.Values) != 1 || string(end.Values[0]) != `"42"` { // NestJS reads numbers as text
			t.Errorf("got %+v, %v; want 42", end, err)
		}
	})
}
