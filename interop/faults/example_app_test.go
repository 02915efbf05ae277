package faults_test

import (
	"context"
	"net/http"
	"regexp"
	"testing"
)

// valid are the calls of section 18 of the protocol notes whose input is valid,
// with the answers of the public example. N stands for an offset.
var valid = []struct{ path, body, answer string }{
	{"sum", "[1,2,3]", "6"},
	{"sum", "[0.1,0.2]", "0.30000000000000004"},
	{"sum", "[-5,1e21]", "1e+21"},
	{"max", "[4,9,2]", "9"},
	{"max", "[-1.5,-2]", "-1.5"},
	{
		"print", `{"message":"hi"}`,
		`[{"topicName":"print","partition":0,"errorCode":0,"baseOffset":"N","logAppendTime":"-1"}]`,
	},
}

// TestExampleApp has each half of the example answered by the other one of both
// kinds: the bodies must be the same.
func TestExampleApp(t *testing.T) {
	for _, pair := range []struct {
		name         string
		http, worker func(*testing.T, *broker) subject
	}{
		{"NestJSCallsNestJS", asTheirs, asTheirs},
		{"NestJSCallsSiskin", asTheirs, asOurs},
		{"SiskinCallsNestJS", asOurs, asTheirs},
		{"SiskinCallsSiskin", asOurs, asOurs},
	} {
		t.Run(pair.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			b := newBroker(t)
			x := &exam{T: t, broker: b, ctx: ctx}
			pair.worker(t, b).app(x, "worker", x.unique("worker"))
			url := pair.http(t, b).app(x, "http", x.unique("http"))
			for _, call := range valid {
				status, answer := x.post(url+"/"+call.path, call.body)
				if status != http.StatusCreated || compared(answer) != call.answer {
					t.Errorf("POST /%s %s: %d %s, want 201 %s", call.path, call.body, status, answer, call.answer)
				}
			}
		})
	}
}

func asOurs(_ *testing.T, b *broker) subject   { return ours{b} }
func asTheirs(t *testing.T, b *broker) subject { return newTheirs(t, b) }

var (
	// The Kafka client of Siskin does not tell it.
	logStartOffset = regexp.MustCompile(`,"logStartOffset":"[0-9]+"`)
	baseOffset     = regexp.MustCompile(`"baseOffset":"[0-9]+"`)
)

// compared is an answer without what differs from run to run, or is left out.
func compared(answer string) string {
	answer = logStartOffset.ReplaceAllString(answer, "")
	return baseOffset.ReplaceAllString(answer, `"baseOffset":"N"`)
}
