package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
	"github.com/siskin-go/siskin/siskintest"
)

type message struct {
	Message string `json:"message"`
}

// got is what a test compares of a record that has arrived.
type got struct {
	Key, Value                  string
	TraceParent, TraceState, My string
}

func TestEmit(t *testing.T) {
	t.Parallel()
	printed := siskin.NewEvent[string](siskintest.Name("print"))
	records := make(chan got, 10)
	r := newRig(t, func(s siskin.Registrar) {
		printed.On(s, func(ctx context.Context, v string) error {
			d, _ := siskin.DeliveryFrom(ctx)
			text := func(name string) string { b, _ := d.Header(name); return string(b) }
			records <- got{string(d.Key()), v, text("traceparent"), text("tracestate"), text("my")}
			return nil
		})
	}, nil)
	text := func(_ *http.Request, m message) (string, error) { return m.Message, nil }
	r.mux.Handle("POST /print", gateway.EmitAs(printed, r.client, text, patient,
		gateway.WithStatus(201), gateway.WithAnswer(gateway.NestMetadata)))
	r.mux.Handle("POST /raw", gateway.Emit(printed, r.client, patient,
		gateway.WithKey(func(r *http.Request) string { return r.URL.Query().Get("key") })))
	r.mux.Handle("POST /own", gateway.Emit(printed, r.client, patient,
		gateway.WithKey(func(*http.Request) string { return "weak" }),
		gateway.WithCallOptions(siskin.WithKey("strong"), siskin.WithHeader("my", "own"))))

	equal(t, r.post(t, "/print", `{"message":"hi"}`), answer{201, fmt.Sprintf(
		`[{"topicName":%q,"partition":0,"errorCode":0,"baseOffset":"0","logAppendTime":"-1"}]`, printed.Pattern())})
	equal(t, wait(t, records, "the record"), got{Value: "hi"})

	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	a, _ := r.do(t, "POST", "/raw?key=k", `"x"`, "Content-Type", "application/json",
		"Traceparent", parent, "Tracestate", "a=1", "Tracestate", "b=2")
	equal(t, wait(t, records, "the record"), got{Key: "k", Value: "x", TraceParent: parent, TraceState: "a=1,b=2"})
	var place struct {
		Topic     string
		Partition int32
		Offset    int64
		Timestamp time.Time
	}
	if err := json.Unmarshal([]byte(a.Body), &place); err != nil {
		t.Fatal(err)
	}
	if age := time.Since(place.Timestamp); age < 0 || age > time.Minute {
		t.Error("the timestamp is not now:", a.Body)
	}
	want := fmt.Sprintf(`{"topic":%q,"partition":0,"offset":1,"timestamp":%q}`,
		printed.Pattern(), place.Timestamp.Format(time.RFC3339Nano))
	equal(t, a, answer{200, want})

	r.post(t, "/own", `"y"`)
	equal(t, wait(t, records, "the record"), got{Key: "strong", Value: "y", My: "own"})
	equal(t, r.post(t, "/print", `{"message":1}`), bad(400, `"message" must be a string, but is a number`))
}

func TestEmitWithBrokenFunctions(t *testing.T) {
	t.Parallel()
	cfg := siskintest.Config(t)
	r := &rig{cfg: cfg, client: siskintest.Client(t, cfg)}
	r.serve(t)
	quiet := gateway.WithLogger(siskintest.Quiet())
	printed := siskin.NewEvent[string](siskintest.Name("print"))
	r.mux.Handle("/key", gateway.Emit(printed, r.client, patient, quiet,
		gateway.WithKey(func(*http.Request) string { panic("secret") })))
	r.mux.Handle("/answer", gateway.Emit(printed, r.client, patient, quiet,
		gateway.WithAnswer(func(siskin.RecordMetadata) any { return func() {} })))
	for _, path := range []string{"/key", "/answer"} {
		equal(t, r.post(t, path, `"x"`), fault(500, "internal", "internal error"))
	}
}

func TestNestMetadata(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(gateway.NestMetadata(siskin.RecordMetadata{Topic: "print", Offset: 0}))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"topicName":"print","partition":0,"errorCode":0,"baseOffset":"0","logAppendTime":"-1"}]`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Error(diff)
	}
}
