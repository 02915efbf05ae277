package gateway_test

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/gateway"
)

func TestOptionsPrintThemselves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		option gateway.Option
		want   string
	}{
		{gateway.WithStatus(201), "status=201"},
		{gateway.WithMaxBody(9), "max_body=9"},
		{gateway.WithWriteTimeout(time.Second), "write_timeout=1s"},
		{gateway.WithKey(nil), "key=func"},
		{gateway.WithCallOptions(siskin.WithTimeout(time.Second), siskin.WithPartition(1)), "call=[timeout=1s partition=1]"},
		{gateway.WithAnswer(gateway.NestMetadata), "answer=func"},
		{gateway.WithErrors(nil), "errors=func"},
		{gateway.WithLogger(nil), "logger"},
	} {
		equal(t, test.option.String(), test.want)
	}
}

// Values that make no sense change nothing.
func TestOptionsThatChangeNothing(t *testing.T) {
	t.Parallel()
	r := idle(t)
	r.mux.Handle("/x", gateway.Call(siskin.NewRPC[string, string]("x"), r.client,
		gateway.WithStatus(99), gateway.WithMaxBody(0), gateway.WithWriteTimeout(-1), gateway.WithKey(nil),
		gateway.WithAnswer(nil), gateway.WithErrors(nil), gateway.WithLogger(nil),
		gateway.WithCallOptions(siskin.WithTimeout(time.Millisecond))))
	equal(t, r.post(t, "/x", `"x"`), fault(503, "unavailable", "the broker did not answer in time"))
}
