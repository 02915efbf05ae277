package dedupe

import (
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
)

// What is written after the topic was looked for anew is stored and not only
// confirmed, also when it was the same topic all the time.
func TestWhatIsWrittenAfterARenewalIsStored(t *testing.T) {
	t.Parallel()
	cfg, topic := siskintest.Config(t), siskintest.Name("outcomes")
	var both [2]*TopicStore
	for i := range both {
		s, err := NewTopicStore(cfg, topic, Bounds{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		both[i] = s
	}
	writer, reader := both[0], both[1]
	for n := range 5 {
		if err := writer.renew(time.Now()); err != nil {
			t.Fatal(err)
		}
		id := identify("", 0, "", []byte{byte(n)})
		if err := writer.Remember(t.Context(), id, Outcome{}); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := reader.Find(t.Context(), id); !ok || err != nil {
			t.Errorf("outcome %d is not there: %v", n, err)
		}
		if _, ok, err := writer.Find(t.Context(), identify("", 1, "", []byte{byte(n)})); ok || err != nil {
			t.Errorf("the writer reads on: %v, %v", ok, err)
		}
	}
}
