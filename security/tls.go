package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"
)

func (s Settings) tlsConfig() *tls.Config {
	if s.TLSConfig != nil {
		return s.TLSConfig.Clone()
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	pool, err := s.authorities()
	if err != nil {
		pool = x509.NewCertPool() // it was there when it was checked: now trust nobody
	}
	cfg.RootCAs = pool
	if s.CertFile != "" {
		// Also where the broker names no authority that has signed it: then the
		// broker refuses it, and so says what is wrong.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return s.certificate()
		}
	}
	return cfg
}

// authorities are those of CAFile, or nil for those of the system.
func (s Settings) authorities() (*x509.CertPool, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("it holds no certificate in PEM; is it a Java keystore? keytool -exportcert -rfc writes PEM")
	}
	return pool, nil
}

// certificate is this program's certificate of now.
func (s Settings) certificate() (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
	if err != nil {
		return nil, &ownError{"the client certificate or its key cannot be read", err}
	}
	return &cert, nil
}

func (s Settings) checkCertificate() error {
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	if until := cert.Leaf.NotAfter; time.Now().After(until) {
		return fmt.Errorf("the client certificate has expired on %s; get a new one", until.UTC().Format(time.RFC3339))
	}
	return nil
}
