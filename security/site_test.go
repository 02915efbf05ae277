package security_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The user of the mechanism PLAIN, whom a real broker knows from its start.
const (
	alice         = "alice"
	alicePassword = "alice-secret"
)

// site is a cluster with a listener for each case. What its name says is wrong
// with a listener's certificate.
type site struct {
	*testsecure.Broker // with SASL, by each mechanism

	mtls, plain                 string // addresses
	limited                     string // SCRAM-SHA-512 only, and users must show their passwords every 3 s
	expired, foreign, elsewhere string
	client, stranger            files // client certificates; the brokers do not trust the second
	shared                      bool  // one cluster behind all listeners, so rights hold on all
}

// files are a certificate and its key.
type files struct{ cert, key string }

func newSite(t *testing.T) *site {
	t.Helper()
	if dir := os.Getenv(testsecure.Folder); dir != "" {
		return realSite(t, dir)
	}
	return embeddedSite(t)
}

func realSite(t *testing.T, dir string) *site {
	t.Helper()
	at := testsecure.Listeners(t, dir)
	in := func(name string) files {
		return files{cert: filepath.Join(dir, name+".crt"), key: filepath.Join(dir, name+".key")}
	}
	return &site{
		limited: at["LIMITED"], mtls: at["MTLS"], plain: at["PLAINTEXT"],
		expired: at["EXPIRED"], foreign: at["FOREIGN"], elsewhere: at["ELSEWHERE"],
		client: in("client"), stranger: in("foreign"), shared: true,
		Broker: testsecure.Real(t, dir),
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
		kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", testsecure.Root, testsecure.RootPassword),
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
	return &site{
		limited: limited.Addr(), mtls: mutual.Addr(), plain: broker(t, nil).Addr(),
		expired:   listen(ca.Issue("broker", testca.Expired)).Addr(),
		foreign:   listen(foreign.Issue("broker")).Addr(),
		elsewhere: listen(ca.Issue("broker", testca.For("elsewhere.test"))).Addr(),
		Broker:    testsecure.Embedded(t, sasl.Addr(), ca.File),
		client:    files{client.CertFile, client.KeyFile}, stranger: files{stranger.CertFile, stranger.KeyFile},
	}
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

// user is somebody for the SASL listeners. Only the one of PLAIN is there at the
// start; others are made, each for one test.
func (s *site) user(t *testing.T, mechanism string) security.Settings {
	t.Helper()
	if mechanism == security.Plain {
		return security.Settings{TLS: true, CAFile: s.CA, Mechanism: mechanism, User: alice, Password: alicePassword}
	}
	return s.User(t, mechanism)
}

type right = testsecure.Right

func (s *site) topics(t *testing.T, names ...string) {
	t.Helper()
	if err := testtopics.Create(testContext(t), s.Admin(), 1, nil, names...); err != nil {
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
