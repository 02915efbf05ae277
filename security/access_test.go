package security_test

import (
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
)

// exchange runs a service and a client and lets them exchange one request.
func exchange(t *testing.T, broker, group string, pattern string, settings security.Settings) {
	t.Helper()
	d := newDiary()
	cfg := config(d, broker, settings)
	cfg.Group = group
	svc := service(t, cfg)
	rpc := siskin.NewRPC[int, int](pattern)
	rpc.Handle(svc, double)
	siskintest.Run(t, svc)
	got, err := rpc.Send(testContext(t), client(t, cfg), 21)
	if err != nil || got != 42 {
		t.Fatalf("got %d, %v; want 42", got, err)
	}
}

// needs are the rights of a service and a client of one pattern.
func needs(pattern, group string) []right {
	reply := pattern + ".reply"
	return []right{
		testsecure.RightTo(kadm.OpRead, security.Topic, pattern),
		testsecure.RightTo(kadm.OpWrite, security.Topic, pattern),
		testsecure.RightTo(kadm.OpRead, security.Topic, reply),
		testsecure.RightTo(kadm.OpWrite, security.Topic, reply),
		testsecure.RightTo(kadm.OpRead, security.Group, group+"-server"),
	}
}

func TestUsersAreLetIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, mechanism := range []string{security.Plain, security.ScramSHA256, security.ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			pattern, group := siskintest.Name("double"), siskintest.Name("group")
			s.topics(t, pattern, pattern+".reply")
			settings := s.user(t, mechanism)
			s.Grant(t, "User:"+settings.User, needs(pattern, group)...)
			exchange(t, s.Addr, group, pattern, settings)
		})
	}
}

func TestPasswordFromAFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pattern, group := siskintest.Name("double"), siskintest.Name("group")
	s.topics(t, pattern, pattern+".reply")
	settings := s.user(t, security.ScramSHA512)
	s.Grant(t, "User:"+settings.User, needs(pattern, group)...)
	settings.PasswordFile = write(t, settings.Password.Reveal()+"\n")
	settings.Password = ""
	exchange(t, s.Addr, group, pattern, settings)
}

func TestClientCertificatesAreLetIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pattern, group := siskintest.Name("double"), siskintest.Name("group")
	if s.shared {
		s.topics(t, pattern, pattern+".reply")
		s.Grant(t, "User:CN=client", needs(pattern, group)...)
	}
	exchange(t, s.mtls, group, pattern, security.Settings{
		TLS: true, CAFile: s.CA, CertFile: s.client.cert, KeyFile: s.client.key,
	})
}

func TestServerNameOfTheCertificate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	exchange(t, s.elsewhere, siskintest.Name("group"), siskintest.Name("double"), security.Settings{
		TLS: true, CAFile: s.CA, ServerName: "elsewhere.test",
	})
}
