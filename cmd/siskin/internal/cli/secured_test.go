package cli_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// secured is a broker with access control lists, and a user who may do nothing.
type secured struct {
	broker, ca     string
	user, password string
	root           *kgo.Client // who may do everything
	admin          *kadm.Client
}

// newSecured is a real broker when SISKIN_KAFKA_SECURITY names the folder "security" of
// one that was started by "scripts/kafka start --secure", else an embedded one.
func newSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{user: siskintest.Name("user"), password: siskintest.Name("secret")}
	if dir := os.Getenv("SISKIN_KAFKA_SECURITY"); dir != "" {
		s.onReal(t, dir)
	} else {
		s.onEmbedded(t)
	}
	s.admin = kadm.NewClient(s.root)
	made, err := s.admin.AlterUserSCRAMs(bounded(t), nil, []kadm.UpsertSCRAM{{
		User: s.user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: s.password,
	}})
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, "the user", func() bool { return s.client(t, s.user, s.password).Ping(bounded(t)) == nil })
	return s
}

func (s *secured) onReal(t *testing.T, dir string) {
	t.Helper()
	listeners, err := os.ReadFile(filepath.Join(dir, "listeners"))
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[string]string)
	for line := range strings.Lines(string(listeners)) {
		name, addr, _ := strings.Cut(strings.TrimSpace(line), " ")
		at[name] = addr
	}
	s.broker, s.ca = at["SASL_SSL"], filepath.Join(dir, "ca.pem")
	s.root = newClient(t, kgo.SeedBrokers(at["PLAINTEXT"]))
}

func (s *secured) onEmbedded(t *testing.T) {
	t.Helper()
	ca := testca.New(t, "ca")
	b, err := devbroker.Start(devbroker.Config{
		Listen:  "127.0.0.1:0",
		TLS:     &tls.Config{Certificates: []tls.Certificate{ca.Issue("broker").Certificate}, MinVersion: tls.VersionTLS12},
		Options: []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", "root", "root-secret")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s.broker, s.ca = b.Addr(), ca.File
	s.root = s.client(t, "root", "root-secret")
}

func newClient(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// client is one of a user.
func (s *secured) client(t *testing.T, user, password string) *kgo.Client {
	t.Helper()
	settings := security.Settings{
		TLS: true, CAFile: s.ca, Mechanism: security.ScramSHA512, User: user, Password: security.Secret(password),
	}
	return newClient(t, append(settings.Options(), kgo.SeedBrokers(s.broker))...)
}

// variables are the settings of the user.
func (s *secured) variables() []string {
	return []string{
		"SISKIN_BROKERS=" + s.broker, "SISKIN_SECURITY_TLS=true", "SISKIN_SECURITY_CA_FILE=" + s.ca,
		"SISKIN_SECURITY_MECHANISM=scram-sha-512", "SISKIN_SECURITY_USER=" + s.user, "SISKIN_SECURITY_PASSWORD=" + s.password,
	}
}

// grant gives the user a right, and returns when the broker knows it.
func (s *secured) grant(t *testing.T, operation kadm.ACLOperation, resource security.Resource, name string) {
	t.Helper()
	acl := kadm.NewACLs().Allow("User:" + s.user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(operation)
	switch resource {
	case security.Group:
		acl.Groups(name)
	case security.TransactionalID:
		acl.TransactionalIDs(name)
	default:
		acl.Topics(name)
	}
	made, err := s.admin.CreateACLs(bounded(t), acl)
	if err == nil && len(made) > 0 {
		err = made[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, "the right", func() bool {
		found, err := s.admin.DescribeACLs(bounded(t), acl)
		return err == nil && slices.ContainsFunc(found, func(f kadm.DescribeACLsResult) bool { return len(f.Described) > 0 })
	})
}

// await waits for what a broker takes over in its own time, without telling.
func (s *secured) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.After(patience); !is(); {
		select {
		case <-limit:
			t.Fatalf("%s has not come about", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
