package security_test

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
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// folder is the variable that names the folder "security" of a real broker
// started by "scripts/kafka start --secure". Without it, the tests run on
// embedded brokers, one for each listener.
const folder = "SISKIN_KAFKA_SECURITY"

// The user of the mechanism PLAIN, whom a real broker knows from its start.
const (
	alice         = "alice"
	alicePassword = "alice-secret"
)

// The user of the embedded brokers who may do everything.
const (
	root         = "root"
	rootPassword = "root-secret"
)

// site is a cluster with a listener for each case. What its name says is wrong
// with a listener's certificate.
type site struct {
	sasl, mtls, plain           string // addresses
	limited                     string // SCRAM-SHA-512 only, and users must show their passwords every 3 s
	expired, foreign, elsewhere string
	ca                          string // PEM file of the authority
	client, stranger            files  // client certificates; the brokers do not trust the second
	admin                       *kadm.Client
	shared                      bool // one cluster behind all listeners, so rights hold on all
}

// files are a certificate and its key.
type files struct{ cert, key string }

func newSite(t *testing.T) *site {
	t.Helper()
	if dir := os.Getenv(folder); dir != "" {
		return realSite(t, dir)
	}
	return embeddedSite(t)
}

func realSite(t *testing.T, dir string) *site {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "listeners"))
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, addr, _ := strings.Cut(strings.TrimSpace(line), " ")
		at[name] = addr
	}
	in := func(name string) files {
		return files{cert: filepath.Join(dir, name+".crt"), key: filepath.Join(dir, name+".key")}
	}
	return &site{
		sasl: at["SASL_SSL"], limited: at["LIMITED"], mtls: at["MTLS"], plain: at["PLAINTEXT"],
		expired: at["EXPIRED"], foreign: at["FOREIGN"], elsewhere: at["ELSEWHERE"],
		ca: filepath.Join(dir, "ca.pem"), client: in("client"), stranger: in("foreign"), shared: true,
		admin: administrator(t, at["PLAINTEXT"]),
	}
}

func embeddedSite(t *testing.T) *site {
	t.Helper()
	ca, foreign := testca.New(t, "ca"), testca.New(t, "stranger")
	good := ca.Issue("broker")
	listen := func(pair testca.Pair, opts ...kfake.Opt) *devbroker.Broker {
		return broker(t, &tls.Config{Certificates: []tls.Certificate{pair.Certificate}, MinVersion: tls.VersionTLS12}, opts...)
	}
	users := []kfake.Opt{
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", root, rootPassword),
		kfake.User("PLAIN", alice, alicePassword),
	}
	again := kfake.BrokerConfigs(map[string]string{"connections.max.reauth.ms": "3000"})
	sasl, limited := listen(good, users...), listen(good, append(users, again)...)
	refuseAllBut(limited, "SCRAM-SHA-512")
	mutual := broker(t, &tls.Config{
		Certificates: []tls.Certificate{good.Certificate}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool,
	})
	client, stranger := ca.Issue("client"), foreign.Issue("client")
	s := &site{
		sasl: sasl.Addr(), limited: limited.Addr(), mtls: mutual.Addr(), plain: broker(t, nil).Addr(),
		expired:   listen(ca.Issue("broker", testca.Expired)).Addr(),
		foreign:   listen(foreign.Issue("broker")).Addr(),
		elsewhere: listen(ca.Issue("broker", testca.For("elsewhere.test"))).Addr(),
		ca:        ca.File,
		client:    files{client.CertFile, client.KeyFile}, stranger: files{stranger.CertFile, stranger.KeyFile},
	}
	s.admin = administrator(t, s.sasl, security.Settings{
		TLS: true, CAFile: s.ca, Mechanism: security.ScramSHA512, User: root, Password: rootPassword,
	}.Options()...)
	return s
}

func broker(t *testing.T, secure *tls.Config, opts ...kfake.Opt) *devbroker.Broker {
	t.Helper()
	b, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", TLS: secure, Options: opts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// refuseAllBut makes a broker offer one mechanism.
func refuseAllBut(b *devbroker.Broker, mechanism string) {
	b.Cluster().ControlKey(int16(kmsg.SASLHandshake), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		if req.(*kmsg.SASLHandshakeRequest).Mechanism == mechanism {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
		resp.ErrorCode, resp.SupportedMechanisms = kerr.UnsupportedSaslMechanism.Code, []string{mechanism}
		return resp, nil, true
	})
}

func administrator(t *testing.T, addr string, opts ...kgo.Opt) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// user is somebody for the SASL listeners. Only the one of PLAIN is there at the
// start; others are made, each for one test.
func (s *site) user(t *testing.T, mechanism string) security.Settings {
	t.Helper()
	settings := security.Settings{TLS: true, CAFile: s.ca, Mechanism: mechanism, User: alice, Password: alicePassword}
	if mechanism == security.Plain {
		return settings
	}
	settings.User, settings.Password = siskintest.Name("user"), security.Secret(siskintest.Name("secret"))
	kind := kadm.ScramSha256
	if mechanism == security.ScramSHA512 {
		kind = kadm.ScramSha512
	}
	made, err := s.admin.AlterUserSCRAMs(testContext(t), nil, []kadm.UpsertSCRAM{{
		User: settings.User, Mechanism: kind, Iterations: 4096, Password: settings.Password.Reveal(),
	}})
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.await(t, "the user", func() bool { return s.admits(t, settings) })
	return settings
}

// admits reports whether the SASL listener knows the user by now.
func (s *site) admits(t *testing.T, settings security.Settings) bool {
	client, err := kgo.NewClient(append(settings.Options(), kgo.SeedBrokers(s.sasl))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return client.Ping(testContext(t)) == nil
}

// right is what a user is granted.
type right struct {
	operation kadm.ACLOperation
	resource  security.Resource
	name      string
}

func (r right) acl(principal string) *kadm.ACLBuilder {
	acl := kadm.NewACLs().Allow(principal).AllowHosts("*").
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(r.operation)
	switch r.resource {
	case security.Group:
		return acl.Groups(r.name)
	case security.Cluster:
		return acl.Clusters()
	}
	return acl.Topics(r.name)
}

// grant gives rights, and returns when the broker goes by them.
func (s *site) grant(t *testing.T, principal string, rights ...right) {
	t.Helper()
	for _, r := range rights {
		made, err := s.admin.CreateACLs(testContext(t), r.acl(principal))
		if err == nil && len(made) > 0 {
			err = made[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
		s.await(t, "the right", func() bool { return s.has(t, principal, r) })
	}
}

// take takes rights away, and returns when the broker goes by that.
func (s *site) take(t *testing.T, principal string, rights ...right) {
	t.Helper()
	for _, r := range rights {
		if _, err := s.admin.DeleteACLs(testContext(t), r.acl(principal)); err != nil {
			t.Fatal(err)
		}
		s.await(t, "the end of the right", func() bool { return !s.has(t, principal, r) })
	}
}

func (s *site) has(t *testing.T, principal string, r right) bool {
	t.Helper()
	found, err := s.admin.DescribeACLs(testContext(t), r.acl(principal))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(found, func(f kadm.DescribeACLsResult) bool { return len(f.Described) > 0 })
}

func (s *site) topics(t *testing.T, names ...string) {
	t.Helper()
	if err := testtopics.Create(testContext(t), s.admin, 1, nil, names...); err != nil {
		t.Fatal(err)
	}
}

// patience bounds what should happen at once; it is only used up by a failure.
const patience = 30 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// await waits for what a broker takes over in its own time, without telling.
func (s *site) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.After(patience); !is(); {
		select {
		case <-limit:
			t.Fatalf("%s has not come about", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
