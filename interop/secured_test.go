package interop_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/config/nestjs"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// secured is a listener with TLS and SASL, and a user who may do everything.
type secured struct {
	broker, ca, user, password string
}

// newSecured is a real broker when SISKIN_KAFKA_SECURITY names the folder "security" of
// one that was started by "scripts/kafka start --secure", else an embedded one.
func newSecured(t *testing.T) secured {
	t.Helper()
	s := secured{user: siskintest.Name("nest"), password: siskintest.Name("secret")}
	if dir := os.Getenv("SISKIN_KAFKA_SECURITY"); dir != "" {
		s.ca = read(t, filepath.Join(dir, "ca.pem"))
		s.onReal(t, read(t, filepath.Join(dir, "listeners")))
		return s
	}
	ca := testca.New(t, "ca")
	s.ca = read(t, ca.File)
	b, err := devbroker.Start(devbroker.Config{
		Listen:  "127.0.0.1:0",
		TLS:     &tls.Config{Certificates: []tls.Certificate{ca.Issue("broker").Certificate}, MinVersion: tls.VersionTLS12},
		Options: []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", s.user, s.password)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s.broker = b.Addr()
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// onReal makes the user, over the plain listener.
func (s *secured) onReal(t *testing.T, listeners string) {
	t.Helper()
	at := make(map[string]string)
	for line := range strings.Lines(listeners) {
		name, addr, _ := strings.Cut(strings.TrimSpace(line), " ")
		at[name] = addr
	}
	s.broker = at["SASL_SSL"]
	client, err := kgo.NewClient(kgo.SeedBrokers(at["PLAINTEXT"]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	admin := kadm.NewClient(client)
	made, err := admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{
		User: s.user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: s.password,
	}})
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	all := kadm.NewACLs().Allow("User:" + s.user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).
		Topics("*").Groups("*").Clusters().Operations(kadm.OpAll)
	if _, err := admin.CreateACLs(ctx, all); err != nil {
		t.Fatal(err)
	}
	s.await(t)
}

// await waits until the broker goes by the new user and rights, of which it does
// not tell.
func (s *secured) await(t *testing.T) {
	t.Helper()
	options, err := nestjs.Parse(s.options(t, "await"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := options.Caller()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Topics = "create"
	for limit := time.After(patience); ; {
		c, err := siskin.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err = c.Emit(ctx, siskintest.Name("await"), 1)
		_ = c.Close(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-limit:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// options are what a NestJS team writes into a settings file.
func (s *secured) options(t *testing.T, group string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"client": map[string]any{
			"clientId": "nestjs", "brokers": []string{s.broker}, "ssl": map[string]any{"ca": []string{s.ca}},
			"sasl": map[string]any{"mechanism": "scram-sha-512", "username": s.user, "password": s.password},
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
