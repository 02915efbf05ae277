package security_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// refusal is a broker and a program that do not accept each other.
type refusal struct {
	name     string
	broker   string
	settings security.Settings
	problem  string
}

func refusals(t *testing.T, s *site) []refusal {
	t.Helper()
	user := func(mechanism string, change func(*security.Settings)) security.Settings {
		settings := s.user(t, mechanism)
		change(&settings)
		return settings
	}
	wrong := func(settings *security.Settings) { settings.Password = "not-the-secret" }
	encrypted := security.Settings{TLS: true, CAFile: s.CA}
	with := func(cert files) security.Settings {
		return security.Settings{TLS: true, CAFile: s.CA, CertFile: cert.cert, KeyFile: cert.key}
	}
	return []refusal{
		{"plain password", s.Addr, user(security.Plain, wrong), `refuses the user "alice" with its password (plain)`},
		{"scram 256 password", s.Addr, user(security.ScramSHA256, wrong), "with its password (scram-sha-256)"},
		{"scram 512 password", s.Addr, user(security.ScramSHA512, wrong), "with its password (scram-sha-512)"},
		{"unknown user", s.Addr, user(security.ScramSHA512, func(settings *security.Settings) {
			settings.User = "nobody"
		}), `refuses the user "nobody"`},
		{"user of another mechanism", s.Addr, user(security.ScramSHA256, func(settings *security.Settings) {
			settings.Mechanism = security.ScramSHA512
		}), "with its password (scram-sha-512)"},
		{
			"unsupported mechanism", s.limited, user(security.Plain, func(*security.Settings) {}),
			`does not offer the SASL mechanism "plain"`,
		},
		{"no user", s.Addr, encrypted, "demands a user and a password"},
		{"user where none is asked for", s.plain, security.Settings{
			Mechanism: security.ScramSHA512, User: "u", Password: "not-the-secret",
		}, ""}, // the embedded broker asks all the same
		{"expired certificate", s.expired, encrypted, "its certificate has expired"},
		{"certificate of another authority", s.foreign, encrypted, "signed by an authority that this program does not trust"},
		{"certificate for another name", s.elsewhere, encrypted, `its certificate is not for the name "127.0.0.1"`},
		{"no client certificate", s.mtls, encrypted, "demands a client certificate, and none is set"},
		{"client certificate of another authority", s.mtls, with(s.stranger), "refuses the certificate of this program"},
		{"TLS to a plain port", s.plain, encrypted, "does not speak TLS on this port"},
		{"plain text to a TLS port", s.foreign, security.Settings{}, "speaks TLS on this port"},
		{"plain text to a port with users", s.Addr, security.Settings{}, "speaks TLS on this port"},
		{"system authorities", s.elsewhere, security.Settings{TLSConfig: &tls.Config{
			ServerName: "elsewhere.test", MinVersion: tls.VersionTLS12,
		}}, "signed by an authority that this program does not trust"},
	}
}

// Each refusal is told at once, by each way in, and names the broker.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, r := range refusals(t, s) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			d := newDiary()
			cfg := config(d, r.broker, r.settings)
			rpc := siskin.NewRPC[int, int](siskintest.Name("double"))
			c := client(t, cfg)
			r.check(t, "Ready", c.Ready(testContext(t), rpc))
			_, err := rpc.Send(testContext(t), c, 1)
			r.check(t, "Send", err)
			_, err = c.Emit(testContext(t), rpc.Pattern(), 1)
			r.check(t, "Emit", err)

			svc := service(t, cfg)
			rpc.Handle(svc, double)
			r.check(t, "Run", svc.Run(testContext(t)))
			if strings.Contains(d.String(), "not-the-secret") {
				t.Error("the password was printed")
			}
		})
	}
}

func (r refusal) check(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, siskin.ErrAuthentication) {
		t.Fatalf("%s: got %v, want ErrAuthentication", what, err)
	}
	refused, _ := errors.AsType[*security.AuthenticationError](err)
	if refused.Broker != r.broker || !strings.Contains(refused.Problem, r.problem) || refused.Next == "" {
		t.Errorf("%s: got %v\nwant broker %s: …%s…", what, err, r.broker, r.problem)
	}
	if strings.Contains(err.Error(), "not-the-secret") {
		t.Errorf("%s: the password was printed: %v", what, err)
	}
}

// A refusal that the connection itself shows is an event of its own, and not that
// of a broker that is away.
func TestRefusalIsAnEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	settings := s.user(t, security.ScramSHA512)
	settings.Password = "not-the-secret"
	d := newDiary()
	rpc := siskin.NewRPC[int, int](siskintest.Name("double"))
	_ = client(t, config(d, s.Addr, settings)).Ready(testContext(t), rpc)
	e := wait(t, d, func(events.BrokerRefused) bool { return true })
	if e.Broker != s.Addr || !errors.Is(e.Err, security.ErrAuthentication) {
		t.Errorf("got %+v, want one for %s", e, s.Addr)
	}
	if away, told := find(d, func(events.BrokerAway) bool { return true }); told {
		t.Errorf("it is told as %+v too", away)
	}
}
