package devbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	maxTopicName = 249

	// autoCreateSince is the first version of the metadata request that can
	// forbid creating topics; before it they were always created.
	autoCreateSince = 4

	// hookUses is after how many requests the metadata hook is replaced:
	// kfake keeps the last request of every connection a hook ever saw.
	hookUses = 1024
)

// topicMaker creates topics that clients ask for.
//
// kfake can do that itself, but then a topic is written to the data folder
// only by an orderly close: after a crash its records are orphaned. It also
// accepts any name, which a real broker does not.
type topicMaker struct {
	cluster    *kfake.Cluster
	partitions int
	log        *slog.Logger

	mu     sync.RWMutex // held while creating, so that stop waits
	closed bool

	uses int // of the current hook; kfake runs hooks one at a time
}

// install starts the creation of topics on cluster.
func (m *topicMaker) install() {
	m.cluster.ControlKey(int16(kmsg.Metadata), m.onMetadata)
	m.cluster.Fault(kfake.Fault{
		Keys:  []kmsg.Key{kmsg.CreateTopics},
		Err:   kerr.InvalidTopicException,
		Count: -1, // for good
		When:  namesInvalidTopic,
	})
}

// stop ends the creation of topics. It returns when none is being created, so
// that nothing is written after the data folder was let go.
func (m *topicMaker) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

// onMetadata runs before kfake answers a metadata request.
func (m *topicMaker) onMetadata(kreq kmsg.Request) (kmsg.Response, error, bool) {
	if m.uses++; m.uses >= hookUses {
		m.uses = 0
		m.cluster.DropControl()
		m.cluster.ControlKey(int16(kmsg.Metadata), m.onMetadata)
	}
	if req, ok := kreq.(*kmsg.MetadataRequest); ok && wantsTopics(req) {
		m.createAll(req)
	}
	return nil, nil, false // kfake answers
}

// wantsTopics reports whether a request lets the broker create what it names.
func wantsTopics(req *kmsg.MetadataRequest) bool {
	return req.AllowAutoTopicCreation || req.Version < autoCreateSince
}

func (m *topicMaker) createAll(req *kmsg.MetadataRequest) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return
	}
	for _, t := range req.Topics {
		if t.Topic == nil {
			continue // named by its id, so it is not a new one
		}
		if err := m.create(Topic{Name: *t.Topic}); err != nil {
			m.log.Warn("topic not created", "topic", *t.Topic, "error", err)
		}
	}
}

// create creates a topic that does not exist yet.
func (m *topicMaker) create(t Topic) error {
	if !validTopicName(t.Name) {
		return kerr.InvalidTopicException
	}
	partitions := t.Partitions
	if partitions == 0 {
		partitions = m.partitions
	}
	err := m.cluster.CreateTopic(t.Name, int32(partitions), t.Configs) //nolint:gosec // at most maxPartitions
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create topic %q: %w", t.Name, err)
	}
	m.log.Info("topic created", "topic", t.Name, "partitions", partitions)
	return nil
}

// namesInvalidTopic reports whether a request creates a topic whose name a
// real broker refuses. The whole request fails then: kfake cannot refuse one.
func namesInvalidTopic(kreq kmsg.Request) bool {
	req, ok := kreq.(*kmsg.CreateTopicsRequest)
	if !ok {
		return false
	}
	for _, t := range req.Topics {
		if !validTopicName(t.Topic) {
			return true
		}
	}
	return false
}

// validTopicName reports whether Apache Kafka accepts a topic's name.
func validTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > maxTopicName {
		return false
	}
	for i := range len(name) {
		if !topicByte(name[i]) {
			return false
		}
	}
	return true
}

func topicByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '.' || c == '_' || c == '-'
	}
}
