// Package testsecure gives tests a broker with users and access control lists.
package testsecure

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Folder is the variable that names the folder "security" of a real broker that was
// started by "scripts/kafka start --secure".
const Folder = "SISKIN_KAFKA_SECURITY"

// The user of an embedded broker who may do everything.
const (
	Root         = "root"
	RootPassword = "root-secret"
)

// Broker is a listener with TLS and SASL.
type Broker struct {
	Addr string
	CA   string      // PEM file of the authority
	Root *kgo.Client // of somebody who may do everything
}

// Start is the real broker where Folder is set, else an embedded one.
func Start(t *testing.T) *Broker {
	t.Helper()
	if dir := os.Getenv(Folder); dir != "" {
		return Real(t, dir)
	}
	ca := testca.New(t, "ca")
	b, err := devbroker.Start(devbroker.Config{
		Listen:  "127.0.0.1:0",
		TLS:     &tls.Config{Certificates: []tls.Certificate{ca.Issue("broker").Certificate}, MinVersion: tls.VersionTLS12},
		Options: []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("SCRAM-SHA-512", Root, RootPassword)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return Embedded(t, b.Addr(), ca.File)
}

// Real is the broker whose folder is dir.
func Real(t *testing.T, dir string) *Broker {
	t.Helper()
	at := Listeners(t, dir)
	return &Broker{
		Addr: at["SASL_SSL"], CA: filepath.Join(dir, "ca.pem"),
		Root: client(t, kgo.SeedBrokers(at["PLAINTEXT"])),
	}
}

// Embedded is the broker at addr, which knows Root.
func Embedded(t *testing.T, addr, ca string) *Broker {
	t.Helper()
	root := security.Settings{
		TLS: true, CAFile: ca, Mechanism: security.ScramSHA512, User: Root, Password: RootPassword,
	}
	return &Broker{Addr: addr, CA: ca, Root: client(t, append(root.Options(), kgo.SeedBrokers(addr))...)}
}

// Listeners are the addresses of the broker whose folder is dir, by name.
func Listeners(t *testing.T, dir string) map[string]string {
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
	return at
}

// Admin asks as Root.
func (b *Broker) Admin() *kadm.Client { return kadm.NewClient(b.Root) }

func client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// patience bounds what should happen at once; it is only used up by a failure.
const patience = 30 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// Await waits for what a broker takes over in its own time, without telling.
func Await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !is(); {
		select {
		case <-limit:
			t.Fatalf("%s has not come about", what)
		case <-tick.C:
		}
	}
}
