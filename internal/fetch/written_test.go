package fetch_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/siskin-go/siskin/internal/fetch"
	"github.com/siskin-go/siskin/internal/hostile"
)

func TestWhenABatchWasWritten(t *testing.T) {
	t.Parallel()
	raw := hostile.Batch{Codec: 4, Count: 3, Records: []byte("noise"), FirstTimestamp: 0x19c_01020304}.Bytes()
	byBroker := bytes.Clone(raw)
	byBroker[22] |= 8
	byBroker[42]++ // its last timestamp
	old := bytes.Clone(raw)
	old[16] = 1
	for _, tt := range []struct {
		name string
		raw  []byte
		at   int64
		kind int8
	}{
		{"by the producer", raw, 0x19c_01020304, 0},
		{"by the broker", byBroker, 0x19c_01020305, 1},
		{"before batches", old, -1, -1},
		{"cut short", raw[:40], -1, -1},
		{"nothing", nil, -1, -1},
	} {
		at, kind := fetch.Batch{Raw: tt.raw}.Written()
		if !at.Equal(time.UnixMilli(tt.at)) || kind != tt.kind {
			t.Errorf("%s: %v, %d; want %v, %d", tt.name, at, kind, time.UnixMilli(tt.at), tt.kind)
		}
	}
}
