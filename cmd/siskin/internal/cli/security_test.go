package cli_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/twmb/franz-go/pkg/kfake"
)

// The verbs reach a broker with TLS and users by the settings of the environment
// or of a file, and say what is wrong without a secret.
func TestSecurity(t *testing.T) {
	t.Parallel()
	ca := testca.New(t, "ca")
	b, err := devbroker.Start(devbroker.Config{
		Listen: "127.0.0.1:0",
		TLS:    &tls.Config{Certificates: []tls.Certificate{ca.Issue("broker").Certificate}, MinVersion: tls.VersionTLS12},
		Topics: []devbroker.Topic{{Name: "notes"}},
		Options: []kfake.Opt{
			kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", "root", "root-secret"),
			kfake.User("PLAIN", "guest", "guest-secret"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	as := func(mechanism, user, password string) []string {
		return []string{
			"SISKIN_BROKERS=" + b.Addr(), "SISKIN_SECURITY_TLS=true", "SISKIN_SECURITY_CA_FILE=" + ca.File,
			"SISKIN_SECURITY_MECHANISM=" + mechanism, "SISKIN_SECURITY_USER=" + user, "SISKIN_SECURITY_PASSWORD=" + password,
		}
	}
	start(t, "siskin", as("scram-sha-512", "root", "root-secret"), "emit", "notes", `"hi"`).exits(0)

	folder := t.TempDir()
	file := filepath.Join(folder, "siskin.yaml")
	text := "brokers: [" + b.Addr() + "]\nsecurity:\n  tls: true\n  ca_file: " + ca.File +
		"\n  mechanism: scram-sha-512\n  user: root\n  password_file: " + filepath.Join(folder, "password") + "\n"
	for path, text := range map[string]string{file: text, filepath.Join(folder, "password"): "root-secret\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tail := start(t, "siskin", nil, "tail", "notes", "--until-end", "--config", file)
	tail.stdout.line(t, "notes/0@0 hi")
	tail.exits(0)

	for _, test := range []struct {
		variables []string
		verb      []string
		want      string
	}{
		{as("scram-sha-512", "root", "not-the-secret"), []string{"tail", "notes"}, `it refuses the user "root" with its password`},
		{as("scram-sha-512", "root", "not-the-secret"), []string{"call", "notes", "1"}, `it refuses the user "root" with its password`},
		{as("plain", "guest", "guest-secret"), []string{"tail", "notes"}, `missing right: READ on topic "notes"`},
		{as("plain", "guest", "guest-secret"), []string{"emit", "notes", "1"}, `missing right: WRITE on topic "notes"`},
		{[]string{"SISKIN_BROKERS=" + b.Addr()}, []string{"tail", "notes"}, "it speaks TLS on this port"},
	} {
		p := start(t, "siskin", test.variables, test.verb...)
		p.exits(6)
		if said := p.stderr.all(); !strings.Contains(said, test.want) || strings.Contains(said, "-secret") {
			t.Errorf("%v says %q\nwant …%s…", test.verb, said, test.want)
		}
	}
}
