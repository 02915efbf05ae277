package route_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/route"
)

func TestTable(t *testing.T) {
	t.Parallel()
	var table route.Table[int]
	if table.Find("sum") != nil || len(table.Topics()) != 0 {
		t.Error("an empty table has entries")
	}
	*table.At("sum") = 1
	*table.At("max") = 2
	*table.At("sum")++ // the one that is there
	for topic, want := range map[string]int{"sum": 2, "max": 2} {
		if got := table.Find(topic); got == nil || *got != want {
			t.Errorf("Find(%q) = %v, want %d", topic, got, want)
		}
	}
	for _, topic := range []string{"", "Sum", "sum ", "min"} {
		if table.Find(topic) != nil {
			t.Errorf("Find(%q) found something", topic)
		}
	}
	table.Find("min") // looking makes no entry
	if diff := cmp.Diff([]string{"sum", "max"}, table.Topics()); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}

func TestTopicsThatPatternsLeaveOut(t *testing.T) {
	t.Parallel()
	unread := []string{"^__", `-dlt$`}
	var table route.Table[int]
	for _, topic := range []string{"orders", "orders-dlt", "__internal", "dlt"} {
		table.At(topic)
	}
	if err := table.Check(unread); err != nil {
		t.Errorf("without patterns: %v", err)
	}
	table.At(`/^a\./`)
	err := table.Check(unread)
	for topic, out := range map[string]bool{"orders": false, "orders-dlt": true, "__internal": true, "dlt": false} {
		if err == nil || strings.Contains(err.Error(), `"`+topic+`"`) != out {
			t.Errorf("%s: left out should be %v: %v", topic, out, err)
		}
	}
}
