package testsecure

import (
	"testing"

	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// User makes somebody for one of the mechanisms SCRAM, who may do nothing yet, and
// returns when the broker knows the user.
func (b *Broker) User(t *testing.T, mechanism string) security.Settings {
	t.Helper()
	s := security.Settings{
		TLS: true, CAFile: b.CA, Mechanism: mechanism,
		User: siskintest.Name("user"), Password: security.Secret(siskintest.Name("secret")),
	}
	kind := kadm.ScramSha256
	if mechanism == security.ScramSHA512 {
		kind = kadm.ScramSha512
	}
	made, err := b.Admin().AlterUserSCRAMs(bounded(t), nil, []kadm.UpsertSCRAM{{
		User: s.User, Mechanism: kind, Iterations: 4096, Password: s.Password.Reveal(),
	}})
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	Await(t, "the user", func() bool { return b.admits(t, s) })
	return s
}

func (b *Broker) admits(t *testing.T, s security.Settings) bool {
	c, err := kgo.NewClient(append(s.Options(), kgo.SeedBrokers(b.Addr))...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Ping(bounded(t)) == nil
}
