package hostile_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/siskin-go/siskin/internal/hostile"
)

func TestBomb(t *testing.T) {
	t.Parallel()
	b := hostile.Bomb(5)
	zip, err := gzip.NewReader(bytes.NewReader(b.Records))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(zip) // checks the sum and the size
	if err != nil || len(out) < 5<<20 || len(b.Records) > len(out)/500 {
		t.Errorf("%d bytes become %d, %v", len(b.Records), len(out), err)
	}
}
