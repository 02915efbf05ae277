package nestjs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/internal/testca"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kgo"
)

var ignored = cmpopts.IgnoreFields(siskin.Config{}, "Kafka")

func TestDefaultsAreNestJS(t *testing.T) {
	t.Parallel()
	server, err := Options{}.Server()
	if err != nil {
		t.Fatal(err)
	}
	want := siskin.Config{Brokers: []string{"localhost:9092"}, ClientID: "nestjs-consumer", Group: "nestjs-group"}
	if diff := cmp.Diff(want, server); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	want.Group = ""
	caller, err := Options{}.Caller()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, caller); diff != "" {
		t.Errorf("caller (-want +got):\n%s", diff)
	}
	svc, err := siskin.NewService(server)
	if err != nil || svc.Config().Group != "nestjs-group-server" {
		t.Errorf("got %v, %v; want the group nestjs-group-server", svc, err)
	}
}

// Each option with a setting, once.
func TestOptionsReachTheirSettings(t *testing.T) {
	t.Parallel()
	o, err := Parse([]byte(`{
		"postfixId": "",
		"client": {
			"brokers": ["kafka-1:9092"], "clientId": "math", "connectionTimeout": 3000,
			"ssl": {"servername": "kafka"}, "sasl": {"mechanism": "PLAIN", "username": "u", "password": "p"},
			"retry": {"initialRetryTime": 1, "maxRetryTime": 20000}
		},
		"consumer": {
			"groupId": "g", "sessionTimeout": 10000, "metadataMaxAge": 20000, "rackId": "a",
			"maxBytes": 4096, "maxBytesPerPartition": 2048, "readUncommitted": false,
			"allowAutoTopicCreation": false, "retry": {"retries": 7, "initialRetryTime": 30}
		},
		"run": {"autoCommit": true, "autoCommitInterval": 250, "autoCommitThreshold": null, "partitionsConsumedConcurrently": 3},
		"subscribe": {"fromBeginning": true},
		"producer": {"allowAutoTopicCreation": false, "idempotent": false},
		"send": {"acks": -1, "compression": 1, "timeout": 30000},
		"parser": {"keepBinary": true}, "producerOnlyMode": true
	}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.Server()
	if err != nil {
		t.Fatal(err)
	}
	want := siskin.Config{
		Brokers: []string{"kafka-1:9092"}, ClientID: "math", Group: "g", Postfix: "none", Topics: "verify",
		Security: security.Settings{TLS: true, ServerName: "kafka", Mechanism: "plain", User: "u", Password: "p"},
		Session:  10 * time.Second, Refresh: 20 * time.Second, CommitInterval: 250 * time.Millisecond, Concurrency: 3,
		RetryAttempts: 8, RetryInitial: 30 * time.Millisecond, RetryLongest: 20 * time.Second,
		StartFrom: "beginning", Compression: "gzip",
	}
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	kafka, err := kgo.NewClient(got.Kafka...)
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	for name, option := range map[string]struct{ got, want any }{
		"rackId":               {kafka.OptValue(kgo.Rack), "a"},
		"maxBytes":             {kafka.OptValue(kgo.FetchMaxBytes), int32(4096)},
		"maxBytesPerPartition": {kafka.OptValue(kgo.FetchMaxPartitionBytes), int32(2048)},
		"connectionTimeout":    {kafka.OptValue(kgo.DialTimeout), 3 * time.Second},
	} {
		if option.got != option.want {
			t.Errorf("%s: got %v, want %v", name, option.got, option.want)
		}
	}
}

func TestCertificatesAsText(t *testing.T) {
	t.Parallel()
	ca := testca.New(t, "ca")
	pair := ca.Issue("client")
	text := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	object, err := json.Marshal(map[string]any{"client": map[string]any{"ssl": map[string]any{
		"ca": []string{text(ca.File)}, "cert": text(pair.CertFile), "key": text(pair.KeyFile),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := Parse(object)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := o.Caller()
	if err != nil {
		t.Fatal(err)
	}
	secure := cfg.Security.TLSConfig
	if secure == nil || len(secure.Certificates) != 1 || !secure.RootCAs.Equal(ca.Pool) || secure.InsecureSkipVerify {
		t.Errorf("got %+v, want the certificate and its authority", secure)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ json, path, text string }{
		{`{"send": {"acks": 0}}`, "send.acks", "lose replies"},
		{`{"send": {"acks": 1}}`, "send.acks", "lose replies"},
		{`{"send": {"compression": 2}}`, "send.compression", "stops a kafkajs consumer for good"},
		{`{"send": {"compression": 4}}`, "send.compression", "stops a kafkajs consumer for good"},
		{`{"send": {"topic": "x"}}`, "send.topic", "NestJS sets it itself"},
		{`{"producer": {"transactionalId": "x"}}`, "producer.transactionalId", "a commit that nobody makes"},
		{`{"run": {"autoCommit": false}}`, "run.autoCommit", "siskin.ManualCommit()"},
		{`{"run": {"partitionsConsumedConcurrently": 0}}`, "run.partitionsConsumedConcurrently", "at least 1"},
		{`{"consumer": {"readUncommitted": true}}`, "consumer.readUncommitted", "aborted"},
		{`{"consumer": {"sessionTimeout": 10}}`, "consumer.sessionTimeout", "want 1s to 1h"},
		{`{"consumer": {"sessionTimeout": -1}}`, "consumer.sessionTimeout", "milliseconds from 1"},
		{`{"consumer": {"maxBytes": 0}}`, "consumer.maxBytes", "want 1 to"},
		{`{"consumer": {"retry": {"retries": -1}}}`, "consumer.retry.retries", "at least 1"},
		{
			`{"consumer": {"allowAutoTopicCreation": true}, "producer": {"allowAutoTopicCreation": false}}`,
			"producer.allowAutoTopicCreation", "set both to the same",
		},
		{`{"client": {"ssl": {"rejectUnauthorized": false}}}`, "client.ssl.rejectUnauthorized", "any broker for yours"},
		{`{"client": {"ssl": {"ciphers": "x"}}}`, "client.ssl.ciphers", "Config.Security.TLSConfig in code"},
		{`{"client": {"ssl": {"ca": "/etc/ca.pem"}}}`, "client.ssl.ca", "not its path"},
		{`{"client": {"ssl": {"cert": "/etc/tls.crt", "key": "not-printed"}}}`, "client.ssl.cert", "not their paths"},
		{
			`{"client": {"sasl": {"mechanism": "aws", "username": "u", "password": "not-printed"}}}`,
			"client.sasl.mechanism", `want "plain"`,
		},
		{
			`{"client": {"brokers": ["kafka-1:9092"], "sasl": {"mechanism": "plain", "username": "u", "password": "not-printed"}}}`,
			"client.sasl.mechanism", "shows the password",
		},
		{`{"client": {"sasl": {"accessKeyId": "x"}}}`, "client.sasl.accessKeyId", "kgo.SASL"},
		{`{"client": {"sasl": {"mechanism": "plain", "username": "u", "password": 12345}}}`, "client.sasl.password", "a number of JSON"},
		{`{"client": {"brokers": "kafka-1:9092"}}`, "client.brokers", "a string of JSON"},
		{`{"client": {"brokers": ["kafka-1"]}}`, "client.brokers", "want host:port"},
		{`{"client": {"clientID": "x"}}`, "client.clientID", "the nearest known one is client.clientId"},
		{`{"client": 5}`, "client", "want an object"},
		{`{"groupId": "x"}`, "groupId", "unknown option"},
		{`{"serializer": {}}`, "serializer", "Config.Codec"},
		{`["not-printed"]`, "options", "want an object"},
		{`{"client": {"sasl": {"password": "not-printed`, "options", "not JSON at byte"},
	} {
		t.Run(test.json, func(t *testing.T) {
			t.Parallel()
			o, err := Parse([]byte(test.json))
			if err == nil {
				_, err = o.Server()
			}
			wrong, ok := errors.AsType[*Error](err)
			if !ok || wrong.Path != test.path || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v\nwant …%s… about %s", err, test.text, test.path)
			}
			if err != nil && (strings.Contains(err.Error(), "not-printed") || strings.Contains(err.Error(), "12345")) {
				t.Errorf("a secret was printed: %v", err)
			}
		})
	}
}

func TestAllMistakesAreReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kafka.json")
	if err := os.WriteFile(path, []byte(`{"clint": {}, "run": {"autoComit": true}, "deserializer": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	for _, want := range []string{"clint", "run.autoComit", "deserializer"} {
		if err == nil || !strings.Contains(err.Error(), "nestjs: "+want+" in "+path+": ") {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
	_, err = Options{Send: Send{Acks: new(0), Compression: 3}, Run: Run{AutoCommit: new(false)}}.Server()
	for _, want := range []string{"send.acks", "send.compression", "run.autoCommit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not name %s", err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "missing.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for a file that is missing", err)
	}
}

// Each field of Options has a row, and each row that is not refused a field.
func TestTableAndOptionsAgree(t *testing.T) {
	t.Parallel()
	fields := leaves(reflect.TypeFor[Options](), "")
	for path := range fields {
		if _, ok := find(path); !ok || strings.HasSuffix(path, "*") {
			t.Errorf("%s has no row in Table", path)
		}
	}
	seen := make(map[string]bool)
	for _, o := range Table {
		if seen[o.Path] {
			t.Errorf("%s has two rows", o.Path)
		}
		seen[o.Path] = true
		if (o.Verdict == Same || o.Verdict == OtherName) != (o.Siskin != "") {
			t.Errorf("%s is %q with the setting %q", o.Path, o.Verdict, o.Siskin)
		}
		if o.Note == "" && (o.Verdict == NotNeeded || o.Verdict == Refused) {
			t.Errorf("%s is %q without a reason", o.Path, o.Verdict)
		}
		if !fields[o.Path] && o.Verdict != Refused && !isGroup(o.Path) && !strings.HasSuffix(o.Path, "restartOnFailure") {
			t.Errorf("%s is %q and has no field", o.Path, o.Verdict)
		}
		if !settingExists(o.Siskin) {
			t.Errorf("%s names %s, which is no field of Config", o.Path, o.Siskin)
		}
	}
}

func leaves(of reflect.Type, prefix string) map[string]bool {
	all := make(map[string]bool)
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			for path := range leaves(f.Type, prefix+name+".") {
				all[path] = true
			}
			continue
		}
		all[prefix+name] = true
	}
	return all
}

// settingExists reports whether a setting is a field of Config, or something else.
func settingExists(setting string) bool {
	path, ok := strings.CutPrefix(setting, "Config.")
	if !ok {
		return true
	}
	path, _, _ = strings.Cut(path, ":")
	v := reflect.ValueOf(siskin.Config{})
	for name := range strings.SplitSeq(path, ".") {
		if v = v.FieldByName(name); !v.IsValid() {
			return false
		}
	}
	return true
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"client": {"ssl": true}}`))
	f.Add([]byte(`{"client": {"ssl": {"ca": ["x"]}}, "run": {"autoCommit": null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := Parse(text)
		if err != nil {
			return
		}
		if cfg, err := o.Server(); err == nil && cfg.Validate() != nil {
			t.Errorf("%s became settings that are not valid: %v", text, cfg)
		}
	})
}
