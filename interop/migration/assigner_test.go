package migration_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/siskin-go/siskin/internal/balance"
	"github.com/siskin-go/siskin/interop/peer"
)

// dealt is what kafkajs makes of a group: bytes.
type dealt struct {
	Metadata []byte            `json:"metadata"`
	Shares   map[string][]byte `json:"shares"`
}

// TestAssigner has the assigner of kafkajs and ours deal the same topics to the
// same members. Both must write the same bytes.
func TestAssigner(t *testing.T) {
	t.Parallel()
	answers := make(chan peer.Line, 1)
	p, err := peer.Start(t.Context(), peer.Options{Dir: "../nest", Program: "assigner.js"}, func(l peer.Line) { answers <- l })
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 2_000 {
		members, topics := draw(rng)
		if err := p.Write(question(n, members, topics)); err != nil {
			t.Fatal(err)
		}
		var theirs dealt
		select {
		case line := <-answers:
			if err := json.Unmarshal(line.Next, &theirs); err != nil || line.ID != n {
				t.Fatalf("answer %d to question %d: %v", line.ID, n, err)
			}
		case <-p.Done():
			t.Fatal(p.Stop())
		}
		if diff := cmp.Diff(theirs, ours(members, topics)); diff != "" {
			t.Fatalf("members %v, topics %v (-kafkajs +Siskin):\n%s", members, topics, diff)
		}
	}
}

func draw(rng *rand.Rand) (members []string, topics []balance.Topic) {
	for range 1 + rng.IntN(9) {
		members = append(members, fmt.Sprintf("%c-server-%08x", 'A'+rng.IntN(50), rng.Uint32()))
	}
	for i := range rng.IntN(8) {
		topics = append(topics, balance.Topic{Name: fmt.Sprintf("t%d.%d", rng.IntN(100), i), Partitions: rng.Int32N(12)})
	}
	return members, topics
}

func question(id int, members []string, topics []balance.Topic) map[string]any {
	type topic struct {
		Name  string `json:"name"`
		Count int32  `json:"count"`
	}
	named := make([]topic, len(topics))
	for i, t := range topics {
		named[i] = topic{t.Name, t.Partitions}
	}
	return map[string]any{"id": id, "members": members, "topics": named}
}

func ours(ids []string, topics []balance.Topic) dealt {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	members := make([]balance.Member, len(ids))
	for i, id := range ids {
		members[i] = balance.Member{ID: id, Topics: names}
	}
	d := dealt{Metadata: balance.Metadata(names), Shares: make(map[string][]byte)}
	for _, s := range balance.Deal(members, topics) {
		d.Shares[s.Member] = s.Assignment()
	}
	return d
}
