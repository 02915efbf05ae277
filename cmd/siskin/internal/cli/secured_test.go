package cli_test

import (
	"context"
	"testing"

	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/security"
)

// secured is a broker with access control lists, and a user who may do nothing.
type secured struct {
	*testsecure.Broker
	user security.Settings
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	b := testsecure.Start(t)
	return &secured{b, b.User(t, security.ScramSHA512)}
}

// variables are the settings of the user.
func (s *secured) variables() []string {
	return []string{
		"SISKIN_BROKERS=" + s.Addr, "SISKIN_SECURITY_TLS=true", "SISKIN_SECURITY_CA_FILE=" + s.CA,
		"SISKIN_SECURITY_MECHANISM=" + s.user.Mechanism, "SISKIN_SECURITY_USER=" + s.user.User,
		"SISKIN_SECURITY_PASSWORD=" + s.user.Password.Reveal(),
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
