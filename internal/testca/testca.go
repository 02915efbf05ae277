// Package testca makes certificate authorities and certificates for tests, as
// values and as PEM files.
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	// File holds its certificate.
	File string
	// Pool trusts it.
	Pool *x509.CertPool
}

// New makes an authority for one test.
func New(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{t: t, key: newKey(t), File: filepath.Join(t.TempDir(), "ca.pem"), Pool: x509.NewCertPool()}
	template := template(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert = a.sign(template, template, &a.key.PublicKey)
	a.Pool.AddCert(a.cert)
	write(t, a.File, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
	return a
}

// Pair is a certificate with its key.
type Pair struct {
	tls.Certificate
	CertFile, KeyFile string
	// BothFile holds the certificate and its key, as Kafka wants them in a
	// key store of type PEM.
	BothFile string
}

// Option changes a certificate before it is signed.
type Option func(*x509.Certificate)

// Expired makes a certificate that was valid until an hour ago.
func Expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }

// For makes the certificate be for these host names only.
func For(names ...string) Option {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names, nil }
}

// Issue makes a certificate for clients, and for servers on this machine.
func (a *Authority) Issue(name string, opts ...Option) Pair {
	a.t.Helper()
	key := newKey(a.t)
	leaf := template(name)
	leaf.DNSNames, leaf.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, opt := range opts {
		opt(leaf)
	}
	return a.pair(a.sign(leaf, a.cert, &key.PublicKey), key)
}

func (a *Authority) pair(cert *x509.Certificate, key *ecdsa.PrivateKey) Pair {
	a.t.Helper()
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	p := Pair{
		Certificate: tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key, Leaf: cert},
		CertFile:    filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"),
		BothFile: filepath.Join(dir, "both.pem"),
	}
	certs := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	certs = append(certs, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	write(a.t, p.CertFile, certs)
	write(a.t, p.KeyFile, private)
	write(a.t, p.BothFile, append(private, certs...))
	return p
}

func (a *Authority) sign(leaf, parent *x509.Certificate, public *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, leaf, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
