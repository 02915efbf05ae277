package deadletter_test

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/outcome"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What Spring Kafka itself writes; see interop/java/DeadLetters.java.
//
//go:embed testdata/spring-kafka-4.0.8.txt
var springLetters string

// springLetter is the headers of one of its letters. The values of those about the
// error are Java's, so only their number counts.
func springLetter(t *testing.T, name string) (headers []string) {
	t.Helper()
	found := false
	for line := range strings.Lines(springLetters) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.Contains(value, "topic="):
			found = key == name
		case found && strings.Contains(key, "exception"):
			headers = append(headers, key)
		case found:
			headers = append(headers, key+" "+value)
		}
	}
	return headers
}

func ourLetter(r *kgo.Record) (headers []string) {
	for _, h := range r.Headers {
		switch {
		case strings.Contains(h.Key, "exception"):
			headers = append(headers, h.Key)
		case h.Value == nil:
			headers = append(headers, h.Key+" null")
		default:
			headers = append(headers, h.Key+" "+hex.EncodeToString(h.Value))
		}
	}
	return headers
}

// split takes the headers about the error apart from the others: Spring writes them
// first where none are there.
func split(headers []string) (origin []string, fault map[string]int) {
	fault = make(map[string]int)
	for _, h := range headers {
		if strings.Contains(h, "exception") {
			fault[h]++
		} else {
			origin = append(origin, h)
		}
	}
	return origin, fault
}

func TestLetterIsTheOneThatSpringWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rec := failure()
	rec.Partition = 2
	first := b.publish(t, rec, &outcome.Panic{Value: fmt.Errorf("save: %w", errors.New("no stock")), Stack: []byte("stack")})
	compare := func(name string, letter *kgo.Record) {
		t.Helper()
		wantOrigin, wantFault := split(springLetter(t, name))
		origin, fault := split(ourLetter(letter))
		if diff := cmp.Diff(wantOrigin, origin); diff != "" || len(origin) < 9 {
			t.Errorf("%s: headers (-Spring +ours):\n%s", name, diff)
		}
		if diff := cmp.Diff(wantFault, fault); diff != "" || len(fault) != 4 {
			t.Errorf("%s: headers about the error (-Spring +ours):\n%s", name, diff)
		}
	}
	compare("first", first)

	again := *first
	again.Topic, again.Partition, again.Offset, again.Timestamp = "orders", 1, 9, time.UnixMilli(0x19c_01020305)
	again.Attrs = kgo.NewRecordAttrs(kgo.RecordAttrsOpts{TimestampType: 1})
	panics := &outcome.Panic{Value: errors.New("custom"), Stack: []byte("stack")}
	err := b.Publish(testContext(t), &again, deadletter.Failure{Cause: panics}, b.failing)
	if err != nil {
		t.Fatal(err)
	}
	for _, letter := range b.read(t, 2) {
		if letter.Partition == 1 {
			compare("again", letter)
			return
		}
	}
	t.Error("the second letter is not in partition 1")
}
