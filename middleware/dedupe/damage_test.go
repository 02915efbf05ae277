package dedupe_test

import (
	"testing"

	"github.com/siskin-go/siskin/internal/hostile"
	"github.com/siskin-go/siskin/middleware/dedupe"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
)

// A topic that somebody deletes is made anew, and remembers from then on.
func TestADeletedTopicIsMadeAnew(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	a, b := topicStore(t, cfg, topic, dedupe.Bounds{}), topicStore(t, cfg, topic, dedupe.Bounds{})
	for n := range 20 {
		remember(t, a, n, full())
	}
	if _, err := kadm.NewClient(rawClient(t, cfg)).DeleteTopic(testContext(t), topic); err != nil {
		t.Fatal(err)
	}
	nothing(t, a, 100)
	nothing(t, b, 100)
	remember(t, a, 100, full())
	sameOutcome(t, b, 100, full())
	remember(t, b, 101, full())
	sameOutcome(t, a, 101, full())
}

// Batches that the Kafka client cannot read are passed over and counted.
func TestUnreadableBatchesInTheTopic(t *testing.T) {
	t.Parallel()
	for _, c := range hostile.Unreadable() {
		if siskintest.Real() && !c.Anywhere {
			continue // Kafka does not store it
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
			createTopic(t, cfg, topic, 1) // on a compacted one Kafka refuses records without keys
			s := topicStore(t, cfg, topic, dedupe.Bounds{})
			remember(t, s, 1, full())
			if _, err := hostile.Store(testContext(t), rawClient(t, cfg), topic, 0, c.Bytes()); err != nil {
				t.Fatal(err)
			}
			nothing(t, s, 2)
			remember(t, s, 2, full())
			if got := s.Stats().Skipped; got != 1 {
				t.Errorf("%d skipped", got)
			}
			late := topicStore(t, cfg, topic, dedupe.Bounds{})
			sameOutcome(t, late, 1, full())
			sameOutcome(t, late, 2, full())
		})
	}
}
