package devbroker_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/siskin-go/siskin/devbroker"
)

func withUsers(t *testing.T) *devbroker.Broker {
	t.Helper()
	return start(t, devbroker.Config{Options: []kfake.Opt{
		kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "right"),
		kfake.Superuser("SCRAM-SHA-256", "u", "right"), kfake.Superuser("SCRAM-SHA-512", "u", "right"),
	}})
}

// A wrong password is refused in words, as by Apache Kafka.
func TestWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	b := withUsers(t)
	for name, mechanism := range map[string]func(pass string) sasl.Mechanism{
		"PLAIN":         func(pass string) sasl.Mechanism { return plain.Auth{User: "u", Pass: pass}.AsMechanism() },
		"SCRAM-SHA-256": func(pass string) sasl.Mechanism { return scram.Auth{User: "u", Pass: pass}.AsSha256Mechanism() },
		"SCRAM-SHA-512": func(pass string) sasl.Mechanism { return scram.Auth{User: "u", Pass: pass}.AsSha512Mechanism() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := client(t, b.Addr(), kgo.SASL(mechanism("right"))).Ping(testContext(t)); err != nil {
				t.Errorf("the right password: %v", err)
			}
			err := client(t, b.Addr(), kgo.SASL(mechanism("wrong"))).Ping(testContext(t))
			if !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Errorf("the wrong password: got %v, want %v", err, kerr.SaslAuthenticationFailed)
			}
		})
	}
}

// kafkajs goes on only with a mechanism that is listed.
func TestMechanismsAreListed(t *testing.T) {
	t.Parallel()
	b := withUsers(t)
	c := client(t, b.Addr())
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Mechanism = "SCRAM-SHA-512"
	resp, err := c.SeedBrokers()[0].Request(testContext(t), req)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.(*kmsg.SASLHandshakeResponse); got.ErrorCode != 0 || !slices.Contains(got.SupportedMechanisms, req.Mechanism) {
		t.Errorf("got %+v, want %s listed", got, req.Mechanism)
	}
}
