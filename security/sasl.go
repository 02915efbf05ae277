package security

import (
	"context"
	"fmt"

	"github.com/siskin-go/siskin/internal/address"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// sasl is the mechanism for the Kafka client. The password is asked for anew
// with each connection.
func (s Settings) sasl() sasl.Mechanism {
	proof := func(context.Context) (scram.Auth, error) {
		password, err := s.password()
		if err != nil {
			return scram.Auth{}, &ownError{"the password cannot be read", err}
		}
		return scram.Auth{User: s.User, Pass: password.Reveal()}, nil
	}
	switch s.Mechanism {
	case ScramSHA256:
		return scram.Sha256(proof)
	case ScramSHA512:
		return scram.Sha512(proof)
	}
	return guarded{s.encrypted(), plain.Plain(func(ctx context.Context) (plain.Auth, error) {
		auth, err := proof(ctx)
		return plain.Auth{User: auth.User, Pass: auth.Pass}, err
	})}
}

// guarded is PLAIN that shows the password to nobody on the way. That the first
// brokers are loopback ones is checked by Validate; the cluster can name others.
type guarded struct {
	encrypted bool
	sasl.Mechanism
}

func (g guarded) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	if !g.encrypted && !address.Loopback(host) {
		return nil, nil, &ownError{
			"the password is not sent without TLS; set Security.TLS, or use " + ScramSHA512,
			fmt.Errorf("%s is not a loopback address", host),
		}
	}
	return g.Mechanism.Authenticate(ctx, host)
}
