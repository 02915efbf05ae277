package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/security"
)

// file writes text to a file of that name and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLaterLayersWin(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.DiscardHandler)
	defaults := siskin.Config{ClientID: "program", Group: "program", Timeout: time.Second, Partitions: 2, Logger: logger}
	first := file(t, "first.yaml", "group: first\ntimeout: 2s\nbrokers: [one:1, two:2]\n")
	second := file(t, "second.json", `{"timeout": "3s", "partitions": 3}`)

	cfg, err := load(defaults, []string{first, second}, []string{"SISKIN_TIMEOUT=4s", "HOME=/", "OTHER_TIMEOUT=x"})
	if err != nil {
		t.Fatal(err)
	}
	want := siskin.Config{
		ClientID: "program", Group: "first", Timeout: 4 * time.Second, Partitions: 3,
		Brokers: []string{"one:1", "two:2"}, Logger: logger,
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %v\nwant %v", cfg, want)
	}
}

// Every setting can be loaded from each kind of source, so that a new field of
// Config with a type unknown here is found.
func TestEverySettingCanBeLoaded(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"brokers": "a:1,b:2", "topics": "wait", "start_from": "2026-01-31T12:00:00Z", "compression": "gzip",
		"session": "7s", "commit_interval": "2s", "reply_topics": "x,y", "reply_topic": "x",
		"retry_attempts": "7", "protocol": "consumer", "uncommitted_limit": "10250",
	}
	ca := testca.New(t, "authority")
	pair := ca.Issue("client")
	values["security.ca_file"], values["security.mechanism"] = ca.File, "scram-sha-512"
	values["security.cert_file"], values["security.key_file"] = pair.CertFile, pair.KeyFile
	values["security.password_file"] = file(t, "password", "secret")
	for _, k := range keys {
		value := values[k.name]
		if value == "" {
			value = valueFor(t, k)
		}
		defaults := siskin.Config{Security: companions(k.name, pair)}
		fromEnv, err := load(defaults, nil, []string{variable(k.name) + "=" + value})
		if err != nil {
			t.Error(err)
			continue
		}
		text := k.name + ": " + value
		if outer, inner, nested := strings.Cut(k.name, "."); nested {
			text = outer + ":\n  " + inner + ": " + value
		}
		fromFile, err := load(defaults, []string{file(t, "s.yaml", text)}, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if k.in(reflect.ValueOf(fromEnv)).IsZero() || !reflect.DeepEqual(fromEnv, fromFile) {
			t.Errorf("%s=%s: from the environment %v, from a file %v", k.name, value, fromEnv, fromFile)
		}
	}
}

// companions are the security settings without which that of the name is refused.
func companions(name string, pair testca.Pair) security.Settings {
	all := security.Settings{
		TLS: true, CertFile: pair.CertFile, KeyFile: pair.KeyFile,
		Mechanism: security.ScramSHA256, User: "somebody", Password: "text",
	}
	switch name {
	case "security.tls":
		return security.Settings{}
	case "security.cert_file":
		all.CertFile = ""
	case "security.key_file":
		all.KeyFile = ""
	case "security.password", "security.password_file":
		all.Password = ""
	}
	return all
}

func valueFor(t *testing.T, k key) string {
	t.Helper()
	kind := k.in(reflect.ValueOf(siskin.Config{})).Type()
	switch kind.String() {
	case "bool":
		return "true"
	case "security.Secret":
		return "text"
	case "time.Duration":
		return "90s"
	case "int":
		return "1025"
	case "string":
		return "text"
	}
	t.Fatalf("%s has the type %s, which package config does not know", k.name, kind)
	return ""
}

func TestErrorsNameKeyValueAndSource(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		environ          []string
		want             string // FILE stands for the path
	}{
		{
			name: "unknown key", file: "a.yaml", text: "tiemout: 5s",
			want: `config: tiemout in FILE: unknown key; the nearest known one is timeout`,
		},
		{
			name: "unknown nested key", file: "a.yaml", text: "retry: {attempts: 5}",
			want: `config: retry.attempts in FILE: unknown key; the nearest known one is retry_attempts`,
		},
		{
			name: "unknown variable", environ: []string{"SISKIN_BROKER=a:1"},
			want: `config: SISKIN_BROKER in the environment: unknown key; the nearest known one is SISKIN_BROKERS`,
		},
		{
			name: "field without a key", file: "a.yaml", text: "logger: x",
			want: `config: logger in FILE: unknown key; the nearest known one is `,
		},
		{
			name: "duration without a unit", file: "a.json", text: `{"timeout": 5}`,
			want: `config: timeout: "5" from FILE: want a duration with its unit, such as 5s or 1m30s`,
		},
		{
			name: "duration in the environment", environ: []string{"SISKIN_TIMEOUT=5 sec"},
			want: `config: timeout: "5 sec" from SISKIN_TIMEOUT: want a duration with its unit, such as 5s or 1m30s`,
		},
		{
			name: "number with a fraction", file: "a.json", text: `{"partitions": 1.5}`,
			want: `config: partitions: "1.5" from FILE: want a whole number`,
		},
		{
			name: "number for text", file: "a.yaml", text: "group: 7",
			want: `config: group: "7" from FILE: want text; put it in quotes`,
		},
		{
			name: "number in a list", file: "a.yaml", text: "reply_topics: [a, 7]",
			want: `config: reply_topics: "[a 7]" from FILE: want texts; put 7 in quotes`,
		},
		{
			name: "secret without quotes", file: "a.yaml", text: "security: {password: 12345}",
			want: `config: security.password: "[secret]" from FILE: want text; put it in quotes`,
		},
		{
			name: "truth", environ: []string{"SISKIN_SECURITY_TLS=maybe"},
			want: `config: security.tls: "maybe" from SISKIN_SECURITY_TLS: want true or false`,
		},
		{
			name: "unknown security variable", environ: []string{"SISKIN_SECURITY_PASWORD=hunter2"},
			want: `config: SISKIN_SECURITY_PASWORD in the environment: unknown key; ` +
				`the nearest known one is SISKIN_SECURITY_PASSWORD`,
		},
		{
			name: "security that is dangerous", environ: []string{
				"SISKIN_BROKERS=kafka-1:9092", "SISKIN_SECURITY_MECHANISM=plain", "SISKIN_SECURITY_USER=u",
				"SISKIN_SECURITY_PASSWORD=hunter2",
			},
			want: `config: security.mechanism: "plain" from SISKIN_SECURITY_MECHANISM: without TLS it shows the password`,
		},
		{
			name: "list of commas", environ: []string{"SISKIN_BROKERS=,,"},
			want: `config: brokers: ",," from SISKIN_BROKERS: the list is empty`,
		},
		{
			name: "value out of bounds", environ: []string{"SISKIN_PARTITIONS=-1"},
			want: `config: partitions: "-1" from SISKIN_PARTITIONS: want 1 to 100000`,
		},
		{
			name: "one of several addresses", environ: []string{"SISKIN_BROKERS=a:1,b"},
			want: `config: brokers: "b" from SISKIN_BROKERS: want host:port, such as 127.0.0.1:9092`,
		},
		{
			name: "not YAML", file: "a.yaml", text: "a: b: c",
			want: `config: FILE: yaml: `,
		},
		{
			name: "unknown format", file: "a.toml", text: "",
			want: `config: FILE: cannot tell its format from the ending ".toml"; want .yaml, .yml or .json`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var files []string
			want := test.want
			if test.file != "" {
				files = []string{file(t, test.file, test.text)}
				want = strings.ReplaceAll(want, "FILE", files[0])
			}
			_, err := load(siskin.Config{}, files, test.environ)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("it is a %T, want an *Error", err)
			}
		})
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	t.Parallel()
	path := file(t, "a.yaml", "tiemout: 5s\npartitions: many\n")
	_, err := load(siskin.Config{}, []string{path, "missing.yaml"}, []string{"SISKIN_DRAIN=x"})
	for _, want := range []string{"tiemout", "partitions", "missing.yaml", "SISKIN_DRAIN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("a missing file cannot be told apart")
	}
}

// A value that the program chose itself is not blamed on a file.
func TestErrorOfTheProgram(t *testing.T) {
	t.Parallel()
	_, err := load(siskin.Config{Partitions: -1}, nil, []string{"SISKIN_GROUP=math"})
	if _, ok := errors.AsType[*Error](err); ok || err == nil {
		t.Errorf("got %v, want a plain *siskin.ConfigError", err)
	}
}

func TestNotMeantForUs(t *testing.T) {
	t.Parallel()
	cfg, err := load(siskin.Config{Group: "math"}, []string{file(t, "a.yaml", "group:\n")}, []string{
		"SISKIN_GROUP=", "SISKIN_BROKERS=", "SISKIN_CACHE=/tmp", "SISKIN_CONFIG=a.yaml", "SISKIN_KAFKA_STATE=/tmp",
		"SISKIN_SERVICE_HOST=10.0.0.1", "SISKIN_SERVICE_PORT_HTTP=80", "SISKIN_PORT=tcp://10.0.0.1:80",
		"SISKIN_PORT_80_TCP_ADDR=10.0.0.1", "SISKIN_SHOP_SERVICE_PORT=80", "SISKIN_SHOP_PORT_80_TCP=tcp://10.0.0.1:80",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(cfg, siskin.Config{Group: "math"}) {
		t.Errorf("got %v, want nothing changed", cfg)
	}
}

// No setting may be named like a variable that is passed over.
func TestNoSettingIsForeign(t *testing.T) {
	t.Parallel()
	for _, k := range keys {
		if name, _ := environmentKey(variable(k.name), "x"); name != k.name {
			t.Errorf("%s cannot be set by %s", k.name, variable(k.name))
		}
	}
}

func TestLoadReadsTheEnvironment(t *testing.T) {
	t.Setenv("SISKIN_BROKERS", "a:1, b:2")
	cfg, err := Load(siskin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a:1", "b:2"}; !slices.Equal(cfg.Brokers, want) {
		t.Errorf("got %q, want %q", cfg.Brokers, want)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("brokers: [a:1]\ntimeout: 5s\n", "{}", "SISKIN_GROUP=x")
	f.Add("retry: {attempts: 1}", `{"timeout": 5}`, "SISKIN_=")
	f.Fuzz(func(t *testing.T, yaml, json, variable string) {
		files := []string{file(t, "a.yaml", yaml), file(t, "b.json", json)}
		if cfg, err := load(siskin.Config{}, files, []string{variable}); err == nil && cfg.Validate() != nil {
			t.Errorf("loaded settings that are not valid: %v", cfg)
		}
	})
}
