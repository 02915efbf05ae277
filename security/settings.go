package security

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/siskin-go/siskin/internal/address"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The values of Settings.Mechanism.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
)

// Settings are what a program needs to be let in. The zero value is a connection
// in plain text without a user. Fields with a `koanf` tag can be loaded from a
// file or the environment with package config.
//
// Files are read at the start, and again for each connection, so a certificate
// or password that was replaced is used without a restart; CAFile is read at the
// start only.
type Settings struct {
	// TLS encrypts the connections, and makes sure of the broker's name by its
	// certificate. Nothing but TLSConfig can switch that check off. Default:
	// false, plain text.
	TLS bool `koanf:"tls"`

	// CAFile is a PEM file with the certificates of the authorities that may
	// have signed the broker's. It needs TLS. Default: those of the system.
	CAFile string `koanf:"ca_file"`

	// CertFile is a PEM file with the certificate of this program, with those
	// between it and its authority behind it, for brokers that demand one. It
	// needs TLS and KeyFile. Default: none.
	CertFile string `koanf:"cert_file"`

	// KeyFile is a PEM file with the private key of CertFile, not encrypted.
	// Default: none.
	KeyFile string `koanf:"key_file"`

	// ServerName is the name that the broker's certificate must have. It needs
	// TLS. Default: the host to which the connection is made.
	ServerName string `koanf:"server_name"`

	// TLSConfig is used as it is, for what the fields above do not cover. TLS is
	// on then, and the fields above must be empty. It must not be changed
	// afterwards. Default: nil.
	TLSConfig *tls.Config `koanf:"-" json:"-"`

	// Mechanism is how User and its password are shown to the broker: "plain",
	// "scram-sha-256" or "scram-sha-512". "plain" shows the password itself, so
	// without TLS it is refused for all but loopback brokers. Default: none, no
	// SASL.
	Mechanism string `koanf:"mechanism"`

	// User is the name for SASL. It needs Mechanism. Default: none.
	User string `koanf:"user"`

	// Password is the password of User. Default: what is in PasswordFile.
	Password Secret `koanf:"password"`

	// PasswordFile is a file that holds the password of User, such as a mounted
	// secret. An end of line behind it does not count. Default: none.
	PasswordFile string `koanf:"password_file"`
}

// encrypted reports whether connections use TLS.
func (s Settings) encrypted() bool { return s.TLS || s.TLSConfig != nil }

// Protocol is Kafka's name for the settings: PLAINTEXT, SSL, SASL_PLAINTEXT or
// SASL_SSL.
func (s Settings) Protocol() string {
	name := "PLAINTEXT"
	if s.encrypted() {
		name = "SSL"
	}
	if s.Mechanism != "" {
		name = "SASL_" + name
	}
	return name
}

// String prints the settings without secrets, such as
// "SASL_SSL scram-sha-512 user=math ca_file=ca.pem".
func (s Settings) String() string {
	parts := []string{s.Protocol()}
	if s.Mechanism != "" {
		parts = append(parts, s.Mechanism)
	}
	for _, p := range []struct{ name, value string }{
		{"user", s.User},
		{"password", s.Password.String()},
		{"password_file", s.PasswordFile},
		{"ca_file", s.CAFile},
		{"cert_file", s.CertFile},
		{"key_file", s.KeyFile},
		{"server_name", s.ServerName},
	} {
		if p.value != "" {
			parts = append(parts, p.name+"="+p.value)
		}
	}
	return strings.Join(parts, " ")
}

// Options are the settings for a Kafka client. Validate should have found
// nothing wrong; a CAFile that has vanished since trusts nobody.
func (s Settings) Options() []kgo.Opt {
	var opts []kgo.Opt
	if s.encrypted() {
		// Not kgo.Dialer: the Kafka client refuses that together with this, and
		// so no dialer of the program's can undo TLS without anybody noticing.
		opts = append(opts, kgo.DialTLSConfig(s.tlsConfig()))
	}
	if s.Mechanism != "" {
		opts = append(opts, kgo.SASL(s.sasl()))
	}
	return opts
}

// Validate calls bad for each setting that is wrong for these brokers, with its
// name in siskin.Config. It reads the files.
func (s Settings) Validate(brokers []string, bad func(field string, value any, format string, args ...any)) {
	s.validateTLS(bad)
	s.validateSASL(brokers, bad)
}

func (s Settings) validateTLS(bad func(string, any, string, ...any)) {
	for _, f := range []struct{ field, value string }{
		{"Security.CAFile", s.CAFile},
		{"Security.CertFile", s.CertFile},
		{"Security.KeyFile", s.KeyFile},
		{"Security.ServerName", s.ServerName},
	} {
		switch {
		case f.value == "":
		case s.TLSConfig != nil:
			bad(f.field, f.value, "Security.TLSConfig is set too, which is used as it is; set one of them")
		case !s.TLS:
			bad(f.field, f.value, "it is of no use without TLS; set Security.TLS to true")
		}
	}
	if s.TLSConfig != nil || !s.TLS {
		return
	}
	if _, err := s.authorities(); err != nil {
		bad("Security.CAFile", s.CAFile, "%w", err)
	}
	switch {
	case (s.CertFile == "") != (s.KeyFile == ""):
		bad("Security.CertFile", s.CertFile, "a client certificate needs both CertFile and KeyFile")
	case s.CertFile != "":
		if err := s.checkCertificate(); err != nil {
			bad("Security.CertFile", s.CertFile, "%w", err)
		}
	}
}

func (s Settings) validateSASL(brokers []string, bad func(string, any, string, ...any)) {
	switch s.Mechanism {
	case "":
		if s.User != "" || s.Password != "" || s.PasswordFile != "" {
			bad("Security.Mechanism", "", `a user or password is set: want %q, %q or %q`, Plain, ScramSHA256, ScramSHA512)
		}
		return
	case Plain, ScramSHA256, ScramSHA512:
	default:
		bad("Security.Mechanism", s.Mechanism, `want %q, %q or %q`, Plain, ScramSHA256, ScramSHA512)
	}
	if s.User == "" {
		bad("Security.User", "", "SASL needs a user")
	}
	if err := s.checkPassword(); err != nil {
		bad("Security.Password", s.Password, "%w", err)
	}
	if s.Mechanism == Plain && !s.encrypted() && !address.Loopback(brokers...) {
		bad("Security.Mechanism", s.Mechanism, "without TLS it shows the password to everybody on the way; "+
			"set Security.TLS to true, or use %q", ScramSHA512)
	}
}

func (s Settings) checkPassword() error {
	if s.Password != "" && s.PasswordFile != "" {
		return errors.New("PasswordFile is set too; set one of them")
	}
	_, err := s.password()
	return err
}

// password is the password of now.
func (s Settings) password() (Secret, error) {
	if s.PasswordFile == "" {
		if s.Password == "" {
			return "", errors.New("SASL needs a password; set Password or PasswordFile")
		}
		return s.Password, nil
	}
	text, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := Secret(strings.TrimRight(string(text), "\r\n"))
	if password == "" {
		return "", fmt.Errorf("the password file %s is empty", s.PasswordFile)
	}
	return password, nil
}
