package security_test

import (
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
)

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	ca := testca.New(t, "ca")
	pair, old := ca.Issue("client"), ca.Issue("client", testca.Expired)
	user := security.Settings{Mechanism: security.ScramSHA512, User: "u", Password: "p"}
	with := func(change func(*security.Settings)) security.Settings {
		s := user
		change(&s)
		return s
	}
	tests := []struct {
		name, broker string
		settings     security.Settings
		field, text  string
	}{
		{"CA without TLS", "", security.Settings{CAFile: ca.File}, "CAFile", "set Security.TLS"},
		{"name without TLS", "", security.Settings{ServerName: "x"}, "ServerName", "set Security.TLS"},
		{"missing CA", "", security.Settings{TLS: true, CAFile: filepath.Join(t.TempDir(), "ca")}, "CAFile", "no such file"},
		{"CA without PEM", "", security.Settings{TLS: true, CAFile: write(t, "x")}, "CAFile", "keytool -exportcert -rfc"},
		{"certificate without key", "", security.Settings{TLS: true, CertFile: pair.CertFile}, "CertFile", "needs both"},
		{"key of another", "", security.Settings{TLS: true, CertFile: pair.CertFile, KeyFile: old.KeyFile}, "CertFile", "private key does not match"},
		{"expired certificate", "", security.Settings{TLS: true, CertFile: old.CertFile, KeyFile: old.KeyFile}, "CertFile", "has expired on"},
		{"TLS twice", "", security.Settings{TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}, CAFile: ca.File}, "CAFile", "TLSConfig is set too"},
		{"unknown mechanism", "", with(func(s *security.Settings) { s.Mechanism = "gssapi" }), "Mechanism", `want "plain"`},
		{"user without mechanism", "", with(func(s *security.Settings) { s.Mechanism = "" }), "Mechanism", "a user or password is set"},
		{"no user", "", with(func(s *security.Settings) { s.User = "" }), "User", "SASL needs a user"},
		{"no password", "", with(func(s *security.Settings) { s.Password = "" }), "Password", "set Password or PasswordFile"},
		{"two passwords", "", with(func(s *security.Settings) { s.PasswordFile = "x" }), "Password", "PasswordFile is set too"},
		{"empty password file", "", with(func(s *security.Settings) {
			s.Password, s.PasswordFile = "", write(t, "\n")
		}), "Password", "is empty"},
		{"plain without TLS", "kafka-1:9092", with(func(s *security.Settings) {
			s.Mechanism = security.Plain
		}), "Mechanism", "shows the password to everybody on the way"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := siskin.Config{Security: test.settings}
			if test.broker != "" {
				cfg.Brokers = []string{test.broker}
			}
			_, err := siskin.NewClient(cfg)
			wrong, ok := errors.AsType[*siskin.ConfigError](err)
			if !ok || wrong.Field != "Security."+test.field || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want …%s… about %s", err, test.text, test.field)
			}
		})
	}
}

func TestPlainWithoutTLSOnThisMachine(t *testing.T) {
	t.Parallel()
	cfg := siskin.Config{Security: security.Settings{Mechanism: security.Plain, User: "u", Password: "p"}}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

// The first broker can name others, which are elsewhere.
func TestPlainIsNotShownToBrokersElsewhere(t *testing.T) {
	t.Parallel()
	settings := security.Settings{Mechanism: security.Plain, User: "u", Password: "p"}
	client, err := kgo.NewClient(settings.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mechanism := mechanismOf(t, client)
	if _, _, err := mechanism.Authenticate(t.Context(), "127.0.0.1:9092"); err != nil {
		t.Errorf("this machine: %v", err)
	}
	_, _, err = mechanism.Authenticate(t.Context(), "10.0.0.1:9092")
	if err == nil || settings.Explain("10.0.0.1:9092", err) == nil {
		t.Errorf("another machine: got %v, want a refusal", err)
	}
}

// With TLS, no dialer of the program's may take it away unnoticed.
func TestDialerBesideTLSIsRefused(t *testing.T) {
	t.Parallel()
	cfg := siskin.Config{
		Security: security.Settings{TLS: true},
		Kafka:    []kgo.Opt{kgo.Dialer((&net.Dialer{}).DialContext)},
	}
	if c, err := siskin.NewClient(cfg); err == nil {
		_ = c.Close(t.Context())
		t.Error("the dialer was taken, and so TLS was not used")
	}
}

func mechanismOf(t *testing.T, client *kgo.Client) sasl.Mechanism {
	t.Helper()
	mechanisms, ok := client.OptValue(kgo.SASL).([]sasl.Mechanism)
	if !ok || len(mechanisms) != 1 {
		t.Fatalf("got the mechanisms %v, want one", client.OptValue(kgo.SASL))
	}
	return mechanisms[0]
}
