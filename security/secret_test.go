package security_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
)

const hunter = "hunter2"

// leaks reports whether the secret can be read in text, as it is or in one of the
// ways in which package fmt writes bytes.
func leaks(text string) bool {
	for _, verb := range []string{"%s", "%x", "%X", "% x", "%v"} {
		if strings.Contains(text, fmt.Sprintf(verb, hunter)) {
			return true
		}
	}
	return strings.Contains(text, fmt.Sprint([]byte(hunter)))
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	secret := security.Secret(hunter)
	settings := security.Settings{TLS: true, Mechanism: security.Plain, User: "u", Password: secret}
	cfg := siskin.Config{Group: "g", Security: settings}
	holders := map[string]any{
		"secret": secret, "pointer": &secret, "settings": settings, "settings pointer": &settings,
		"config": cfg, "config pointer": &cfg, "list": []security.Secret{secret}, "map": map[string]any{"p": secret},
		"error": &siskin.ConfigError{Field: "Security.Password", Value: secret, Err: errors.New("bad")},
	}
	for name, holder := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%10.3s", "%T"} {
			if text := fmt.Sprintf(verb, holder); leaks(text) {
				t.Errorf("%s of %s shows the secret: %s", verb, name, text)
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("text", "it", holder)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "it", holder)
		if leaks(log.String()) {
			t.Errorf("a log of %s shows the secret: %s", name, log.String())
		}
	}
	for name, encode := range map[string]func(any) ([]byte, error){"JSON": json.Marshal, "XML": xml.Marshal} {
		text, err := encode(secret)
		if err != nil || leaks(string(text)) {
			t.Errorf("%s shows the secret: %s (%v)", name, text, err)
		}
	}
	if text, err := json.Marshal(settings); err != nil || leaks(string(text)) {
		t.Errorf("JSON of the settings shows the secret: %s (%v)", text, err)
	}
	if secret.Reveal() != hunter {
		t.Error("the secret cannot be read by who may")
	}
}

func TestSettingsSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for want, settings := range map[string]security.Settings{
		"PLAINTEXT":                   {},
		"SSL ca_file=ca.pem":          {TLS: true, CAFile: "ca.pem"},
		"SASL_PLAINTEXT plain user=u": {Mechanism: security.Plain, User: "u"},
		"SASL_SSL scram-sha-512 user=u password=[secret]": {
			TLS: true, Mechanism: security.ScramSHA512, User: "u", Password: hunter,
		},
	} {
		if got := settings.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	cfg := siskin.Config{Group: "g", Security: security.Settings{TLS: true, ServerName: "kafka"}}
	if got, want := cfg.String(), `group=g security="SSL server_name=kafka"`; got != want {
		t.Errorf("the config prints %s, want %s", got, want)
	}
}

// A program that works prints no secret either: the mechanism PLAIN sends the
// password itself, and the Kafka client's options hold it.
func TestProgramThatWorksPrintsNoSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pattern, group := siskintest.Name("double"), siskintest.Name("group")
	s.topics(t, pattern, pattern+".reply")
	settings := s.user(t, security.Plain)
	s.Grant(t, "User:"+settings.User, needs(pattern, group)...)
	d := newDiary()
	cfg := config(d, s.Addr, settings)
	cfg.Group = group
	svc := service(t, cfg)
	rpc := siskin.NewRPC[int, int](pattern)
	rpc.Handle(svc, double)
	stop := siskintest.Run(t, svc)
	if _, err := rpc.Send(testContext(t), client(t, cfg), 1); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%s %v %+v %#v", d, svc.Config(), svc.Info(), svc.Config())
	if !strings.Contains(said, "service started") || strings.Contains(said, settings.Password.Reveal()) {
		t.Errorf("want what the program said, without the password: %s", said)
	}
}
