package cli_test

import (
	"strings"
	"testing"

	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Each verb needs the rights that "siskin help dlt" lists, names the one that is
// missing, and needs no other.
func TestRightsForDeadLetters(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	orders := siskintest.Name("orders")
	letters := orders + "-dlt"
	id := "siskin-redrive-" + letters
	if err := testtopics.Create(bounded(t), s.Admin(), 1, nil, orders, letters); err != nil {
		t.Fatal(err)
	}
	letter := &kgo.Record{Topic: letters, Value: []byte("v"), Headers: []kgo.RecordHeader{
		{Key: "kafka_dlt-original-topic", Value: []byte(orders)},
	}}
	if err := s.Root.ProduceSync(bounded(t), letter).FirstErr(); err != nil {
		t.Fatal(err)
	}

	list, show := []string{"list", letters}, []string{"show", letters + "/0@0"}
	plan, redrive := []string{"redrive", letters, "--dry-run"}, []string{"redrive", letters, "--yes"}
	purge := []string{"purge", letters, "--redriven", "--yes"}
	readLetters := testsecure.RightTo(kadm.OpRead, security.Topic, letters)
	readGroup := testsecure.RightTo(kadm.OpRead, security.Group, id)
	for _, round := range []struct {
		granted right
		done    [][]string // in this order
		missing map[right][][]string
	}{
		{missing: map[right][][]string{readLetters: {list, show, plan, redrive, purge}}},
		{granted: readLetters, missing: map[right][][]string{readGroup: {list, show, plan, redrive, purge}}},
		{granted: readGroup, done: [][]string{list, show}, missing: map[right][][]string{
			testsecure.RightTo(kadm.OpWrite, security.Topic, orders):       {plan},
			testsecure.RightTo(kadm.OpWrite, security.TransactionalID, id): {redrive},
		}},
		{granted: testsecure.RightTo(kadm.OpWrite, security.TransactionalID, id), missing: map[right][][]string{
			testsecure.RightTo(kadm.OpWrite, security.Topic, orders): {plan, redrive},
		}},
		// Who may look at the topic is refused later.
		{granted: testsecure.RightTo(kadm.OpDescribe, security.Topic, orders), done: [][]string{plan}, missing: map[right][][]string{
			testsecure.RightTo(kadm.OpWrite, security.Topic, orders): {redrive},
		}},
		{granted: testsecure.RightTo(kadm.OpWrite, security.Topic, orders), done: [][]string{redrive}, missing: map[right][][]string{
			testsecure.RightTo(kadm.OpDelete, security.Topic, letters): {purge},
		}},
		{granted: testsecure.RightTo(kadm.OpDelete, security.Topic, letters), done: [][]string{purge}},
	} {
		if round.granted.Name != "" {
			s.Grant(t, "User:"+s.user.User, round.granted)
		}
		for _, verb := range round.done {
			s.dlt(t, verb).exits(0)
		}
		for missing, verbs := range round.missing {
			for _, verb := range verbs {
				s.lacks(t, missing, verb)
			}
		}
	}
}

type right = testsecure.Right

func (s *secured) dlt(t *testing.T, verb []string) *process {
	t.Helper()
	return start(t, "siskin", s.variables(), append([]string{"dlt"}, verb...)...)
}

// lacks runs a verb that a missing right ends.
func (s *secured) lacks(t *testing.T, missing right, verb []string) {
	t.Helper()
	p := s.dlt(t, verb)
	p.exits(6)
	if said := p.stderr.all(); !strings.Contains(said, "missing right: "+missing.String()+";") {
		t.Errorf("%v says %q, want the missing right %v", verb, said, missing)
	}
}
