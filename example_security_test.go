package siskin_test

import (
	"errors"
	"fmt"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/security"
)

// TLS and a user with a password, for a service or a client. Nothing that is
// printed shows the password.
func Example_security() {
	cfg := siskin.Config{
		Brokers: []string{"kafka.example.com:9093"},
		Group:   "shop",
		Security: security.Settings{
			TLS:       true,
			Mechanism: security.ScramSHA512,
			User:      "shop",
			Password:  "correct horse", // better PasswordFile, or SISKIN_SECURITY_PASSWORD with package config
		},
	}
	fmt.Println(cfg)

	cfg.Security.TLS, cfg.Security.Mechanism = false, security.Plain
	_, err := siskin.NewService(cfg)
	wrong, _ := errors.AsType[*siskin.ConfigError](err)
	fmt.Println(wrong.Field, wrong.Err)
	// Output:
	// brokers=kafka.example.com:9093 group=shop security="SASL_SSL scram-sha-512 user=shop password=[secret]"
	// Security.Mechanism without TLS it shows the password to everybody on the way; set Security.TLS to true, or use "scram-sha-512"
}
