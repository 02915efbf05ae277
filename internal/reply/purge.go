package reply

import (
	"sync"
	"time"

	"github.com/siskin-go/siskin/internal/topics"
)

// purge makes the Kafka client forget topics. It never does so by itself, and
// asks for each topic it was ever told of whenever it refreshes its metadata;
// as requests name reply topics, anybody could make that list endless.
type purge struct {
	mu   sync.Mutex
	next map[string]bool // topics to forget, and whether at any rate
}

// add forgets topic in a moment, together with others. Without force only when it
// does not exist and no reply is on its way there then: the client fails what it
// holds for a topic that it forgets.
func (g *purge) add(p *Publisher, topic string, force bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == nil {
		g.next = make(map[string]bool)
		time.AfterFunc(retryDelay/2, func() { g.run(p) })
	}
	g.next[topic] = g.next[topic] || force
}

func (g *purge) run(p *Publisher) {
	g.mu.Lock()
	next := g.next
	g.next = nil
	g.mu.Unlock()
	var remade, missed []string
	for topic, force := range next {
		switch {
		case force:
			remade = append(remade, topic)
		case p.rooms.idle(topic):
			missed = append(missed, topic)
		}
	}
	// It may be a partition that was missed, of a topic in use.
	missed = topics.Lacking(p.client.Context(), p.client, 0, missed...)
	p.client.PurgeTopicsFromProducing(append(remade, missed...)...)
}
