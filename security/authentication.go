package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrAuthentication says that a broker and this program do not accept each
// other: the password, a certificate, or TLS on one side only. Waiting does not
// help. The error that wraps it is an *AuthenticationError.
var ErrAuthentication = errors.New("authentication failed")

// AuthenticationError is why a broker and this program do not accept each other.
// It holds no secret. Immutable.
type AuthenticationError struct {
	Broker  string // its address, or empty where it is not known
	Problem string // what is wrong
	Next    string // what to do about it
	Err     error  // what the broker or the TLS library said
}

func (e *AuthenticationError) Error() string {
	return fmt.Sprintf("broker %s: %s; %s (%v)", e.Broker, e.Problem, e.Next, e.Err)
}

// Unwrap returns ErrAuthentication and what the broker or the TLS library said.
func (e *AuthenticationError) Unwrap() []error { return []error{ErrAuthentication, e.Err} }

// ownError is a failure on this side of the connection.
type ownError struct {
	problem string
	err     error
}

func (e *ownError) Error() string { return fmt.Sprintf("%s: %v", e.problem, e.err) }
func (e *ownError) Unwrap() error { return e.err }

// Explain returns an *AuthenticationError when err, of a connection to broker,
// means that waiting cannot help, and nil for any other error. A connection that
// was merely cut is none: see Probe.
func (s Settings) Explain(broker string, err error) error {
	if have, ok := errors.AsType[*AuthenticationError](err); ok {
		return have
	}
	for _, find := range []func(error) (problem, next string){s.ownSide, s.serverCertificate, s.alert, s.saslRefusal, s.wrongPort} {
		if problem, next := find(err); problem != "" {
			return &AuthenticationError{Broker: broker, Problem: problem, Next: next, Err: err}
		}
	}
	return nil
}

func (s Settings) ownSide(err error) (problem, next string) {
	if own, ok := errors.AsType[*ownError](err); ok {
		return own.problem, "see the settings in Config.Security"
	}
	return "", ""
}

// serverCertificate is for a broker whose certificate this program refuses.
func (s Settings) serverCertificate(err error) (problem, next string) {
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("its certificate is not for the name %q", wrong.Host),
			"connect to a name that the certificate has, or set Security.ServerName to one"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is signed by an authority that this program does not trust",
			"set Security.CAFile to the certificate of the cluster's authority; " +
				"if that is set, this may be somebody else's broker"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "its certificate has expired or is not yet valid",
			"renew the broker's certificate, or set the clock of this machine"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not valid", "see what is wrong with the broker's certificate"
	}
	return "", ""
}

// alert is for a broker that ends the TLS handshake. The alerts of the TLS
// library have no type of their own, only their text.
func (s Settings) alert(err error) (problem, next string) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return "", ""
	}
	text := strings.TrimPrefix(op.Err.Error(), "tls: ")
	switch {
	case strings.Contains(text, "certificate") && !s.hasCertificate():
		return "it demands a client certificate, and none is set",
			"set Security.CertFile and Security.KeyFile, or use the listener for users with passwords"
	case strings.Contains(text, "certificate"), strings.Contains(text, "access denied"):
		return "it refuses the certificate of this program (" + text + ")",
			"use one that is valid and signed by an authority that the broker trusts"
	}
	return "it ends the TLS handshake (" + text + ")", "see which TLS versions and ciphers the broker takes"
}

func (s Settings) hasCertificate() bool {
	c := s.TLSConfig
	return s.CertFile != "" || c != nil && (len(c.Certificates) > 0 || c.GetClientCertificate != nil)
}

func (s Settings) saslRefusal(err error) (problem, next string) {
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Sprintf("it refuses the user %q with its password (%s)", s.User, s.Mechanism),
			"check Security.User and Security.Password; each mechanism has users of its own"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("it does not offer the SASL mechanism %q", s.Mechanism),
			"set Security.Mechanism to one that the broker's sasl.enabled.mechanisms has"
	case errors.Is(err, kerr.IllegalSaslState):
		return "it asks for no user on this port",
			"take Security.Mechanism away, or use the port of a listener with SASL"
	}
	return "", ""
}

const (
	speaksTLS     = "it speaks TLS on this port, and this program does not"
	speaksTLSNext = "set Security.TLS to true, or use the port of a listener without TLS"
)

// wrongPort is for a port whose answer shows what it speaks.
func (s Settings) wrongPort(err error) (problem, next string) {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return speaksPlain, speaksPlainNext
	}
	if strings.Contains(err.Error(), "appear to be a tls alert record") { // the Kafka client's words, which have no type
		return speaksTLS, speaksTLSNext
	}
	return "", ""
}

const (
	speaksPlain     = "it does not speak TLS on this port, and this program does"
	speaksPlainNext = "use the port of a listener with TLS, or take Security.TLS away"
)
