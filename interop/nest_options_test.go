package interop_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/config/nestjs"
)

// The types of the installed peers, which say what options there are.
const (
	kafkajsTypes = "nest/node_modules/kafkajs/types/index.d.ts"
	nestTypes    = "nest/node_modules/@nestjs/microservices/interfaces/microservice-configuration.interface.d.ts"
)

// Each option of NestJS and kafkajs has a row in the table of package
// config/nestjs, and no row is made up.
func TestTableOfOptionsIsComplete(t *testing.T) {
	t.Parallel()
	kafkajs, nest := declarations(t, kafkajsTypes), declarations(t, nestTypes)
	kafkaOptions := body(t, nest, "export interface KafkaOptions ")
	want := make(map[string]bool)
	for _, at := range []struct{ prefix, body string }{
		{"", between(t, kafkaOptions[strings.Index(kafkaOptions, "options?:"):])},
		{"client.", body(t, kafkajs, "export interface KafkaConfig ")},
		{"client.sasl.", body(t, kafkajs, "type SASLMechanismOptionsMap ")},
		{"client.sasl.", body(t, kafkajs, "export type Mechanism ")},
		{"client.retry.", body(t, kafkajs, "export interface RetryOptions ")},
		{"consumer.", body(t, kafkajs, "export interface ConsumerConfig ")},
		{"consumer.retry.", body(t, kafkajs, "export interface RetryOptions ")},
		{"run.", body(t, kafkajs, "export type ConsumerRunConfig ")},
		{"subscribe.", body(t, kafkajs, "export type ConsumerSubscribeTopics ")},
		{"producer.", body(t, kafkajs, "export interface ProducerConfig ")},
		{"producer.retry.", body(t, kafkajs, "export interface RetryOptions ")},
		{"send.", body(t, kafkajs, "export interface ProducerRecord ")},
		{"parser.", body(t, nest, "export interface KafkaParserConfig ")},
	} {
		for _, name := range properties(at.body) {
			want[at.prefix+name] = true
		}
	}
	if len(want) < 70 {
		t.Fatalf("only %d options were found in the types; have they another form now?", len(want))
	}
	for _, group := range []string{
		"client", "client.sasl", "client.retry", "consumer", "consumer.retry", "run", "subscribe",
		"producer", "producer.retry", "send", "parser",
	} {
		delete(want, group) // what stands in it has rows
	}
	delete(want, "consumer.restartOnFailure") // it stands in consumer.retry
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512", "aws", "oauthbearer"} {
		delete(want, "client.sasl."+mechanism) // a value of client.sasl.mechanism
	}
	var rows []string
	for _, o := range nestjs.Table {
		rows = append(rows, o.Path)
		if !want[o.Path] && !strings.HasPrefix(o.Path, "client.ssl.") { // those are Node's
			t.Errorf("%s is no option of NestJS or kafkajs", o.Path)
		}
	}
	for option := range want {
		if !slices.Contains(rows, option) {
			t.Errorf("%s has no row in the table", option)
		}
	}
}

// declarations reads types without their comments.
func declarations(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; install the peers with: npm ci --prefix interop/nest", err)
	}
	return regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`).ReplaceAllString(string(text), "")
}

// body is what stands between the braces behind a declaration.
func body(t *testing.T, text, declaration string) string {
	t.Helper()
	at := strings.Index(text, declaration)
	if at < 0 {
		t.Fatalf("the types have no %q", declaration)
	}
	return between(t, text[at:])
}

// between is what stands in the first braces of text.
func between(t *testing.T, text string) string {
	t.Helper()
	start, depth := strings.IndexByte(text, '{'), 0
	for i := start; i >= 0 && i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return text[start+1 : i]
			}
		}
	}
	t.Fatal("the braces of a type do not match")
	return ""
}

// properties are the names that a body declares, also in objects within it.
func properties(body string) []string {
	functions := regexp.MustCompile(`\([^()]*\)`)
	body = functions.ReplaceAllString(body, "") // names of parameters
	found := regexp.MustCompile(`['"]?([A-Za-z][\w-]*)['"]?\??:`).FindAllStringSubmatch(body, -1)
	var names []string
	for _, f := range found {
		names = append(names, f[1])
	}
	return names
}
