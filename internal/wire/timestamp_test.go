package wire_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/wire"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTimestampTypes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"CreateTime": "CreateTime", "LogAppendTime": "LogAppendTime", "NoTimestampType": "NoTimestampType",
		"": "CreateTime", "createtime": "CreateTime",
	} {
		if got := wire.TimestampType(&kgo.Record{Attrs: wire.TimestampAttrs(name)}); got != want {
			t.Errorf("%q is read as %q, want %q", name, got, want)
		}
	}
}

func TestNamesOfARetry(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		wire.RetryOwner:    "siskin-retry",
		wire.RetryHandlers: "siskin-retry-handlers",
		wire.RetryMarker:   "siskin-retry-marker",
	} {
		if got != want {
			t.Errorf("the name is %q, want %q", got, want)
		}
	}
}
