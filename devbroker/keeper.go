package devbroker

import (
	"encoding/base64"
	"log/slog"
	"maps"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/siskin-go/siskin/devbroker/internal/datadir"
)

// compactEvery is after how many retention checks compacted topics are
// compacted: at the default, hourly, as kfake does it by itself.
const compactEvery = 60

// keeper removes old records and topics in such a way that a kill in between
// costs nothing. kfake by itself notes neither where a partition starts nor
// where it ended, deletes a topic's files before it takes the topic off its
// list, and compacts by removing a partition's files and writing them again.
type keeper struct {
	cluster *kfake.Cluster
	dir     string
	sync    bool
	log     *slog.Logger

	// mu is held while something is noted or removed. Requests wait for it
	// during a sweep, so that none writes a record in the middle.
	mu      sync.Mutex
	holding bool // a hook that makes the next request wait is installed
	noted   map[place]datadir.Offsets
	checks  int

	settle chan struct{} // asks for a note of what a request has changed
}

// place is a partition of a topic, which has another id when it was created
// again.
type place struct {
	id        [16]byte
	partition int32
}

func newKeeper(cluster *kfake.Cluster, dir string, sync bool, log *slog.Logger) *keeper {
	return &keeper{
		cluster: cluster,
		dir:     dir,
		sync:    sync,
		log:     log,
		noted:   map[place]datadir.Offsets{},
		settle:  make(chan struct{}, 1),
	}
}

// keeperOptions switch kfake's own compaction and retention off.
func keeperOptions() kfake.Opt {
	const aCentury = 100 * 365 * 24 * 3600 * 1000
	return kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": strconv.Itoa(aCentury)})
}

// install starts to watch requests that remove something.
func (k *keeper) install() {
	k.cluster.ControlKey(int16(kmsg.DeleteTopics), k.watching(int16(kmsg.DeleteTopics)))
	k.cluster.ControlKey(int16(kmsg.DeleteRecords), k.watching(int16(kmsg.DeleteRecords)))
}

// watching is a hook that runs before kfake handles a request, and replaces
// itself now and then.
func (k *keeper) watching(key int16) func(kmsg.Request) (kmsg.Response, error, bool) {
	uses := 0
	return func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		if uses++; uses >= hookUses {
			k.cluster.DropControl()
			k.cluster.ControlKey(key, k.watching(key))
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if err := k.foresee(kreq); err != nil {
			k.cluster.KeepControl()
			k.log.Error("refusing to delete: what a crash could leave half done cannot be noted", "error", err)
			return nil, err, true
		}
		k.settleSoon()
		return nil, nil, false // kfake answers
	}
}

// foresee notes what a request may be about to remove.
func (k *keeper) foresee(kreq kmsg.Request) error {
	switch req := kreq.(type) {
	case *kmsg.DeleteTopicsRequest:
		return datadir.MarkDeletion(k.dir, k.topicsOf(req), k.sync)
	case *kmsg.DeleteRecordsRequest:
		for _, t := range req.Topics {
			if err := k.note(t.Topic); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *keeper) settleSoon() {
	select {
	case k.settle <- struct{}{}:
	default: // it is asked for
	}
}

// topicsOf are the topics that a request names and that exist.
func (k *keeper) topicsOf(req *kmsg.DeleteTopicsRequest) []datadir.Topic {
	var infos []*kfake.TopicInfo
	for _, name := range req.TopicNames {
		infos = append(infos, k.cluster.TopicInfo(name))
	}
	for _, t := range req.Topics {
		if t.Topic != nil {
			infos = append(infos, k.cluster.TopicInfo(*t.Topic))
		} else {
			infos = append(infos, k.cluster.TopicIDInfo(t.TopicID))
		}
	}
	var topics []datadir.Topic
	for _, info := range infos {
		if info == nil {
			continue
		}
		topics = append(topics, datadir.Topic{
			Name:       info.Topic,
			ID:         idText(info.TopicID),
			Partitions: int32(len(k.cluster.PartitionInfos(info.Topic))), //nolint:gosec // at most maxPartitions
		})
	}
	return topics
}

// quietly runs do while no request is handled.
func (k *keeper) quietly(do func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.holding {
		k.holding = true
		k.cluster.Control(k.hold)
	}
	return do()
}

// hold makes the first request after it was installed wait for the end of what
// is going on.
func (k *keeper) hold(kmsg.Request) (kmsg.Response, error, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holding = false
	k.cluster.DropControl()
	return nil, nil, false
}

// afterDeletion notes what requests have removed.
func (k *keeper) afterDeletion() {
	err := k.quietly(func() error {
		if err := k.noteAll(); err != nil {
			return err
		}
		return datadir.ClearDeletions(k.dir)
	})
	if err != nil {
		k.log.Error("what was deleted cannot be noted; a crash may bring records back", "error", err)
	}
}

// sweep applies retention and, now and then, compacts.
func (k *keeper) sweep() {
	if err := k.quietly(k.removeOld); err != nil {
		k.log.Error("old records are kept: what a crash could leave half done cannot be noted", "error", err)
	}
}

func (k *keeper) removeOld() error {
	if err := k.noteAll(); err != nil {
		return err
	}
	if err := datadir.ClearDeletions(k.dir); err != nil {
		return err
	}
	if k.checks++; k.checks%compactEvery == 0 {
		if err := k.compact(); err != nil {
			return err
		}
	}
	k.cluster.ApplyRetention()
	return k.noteAll()
}

func (k *keeper) compact() error {
	topics, err := datadir.ReadTopics(k.dir)
	if err != nil {
		return err
	}
	if err := datadir.BackUp(k.dir, topics); err != nil {
		return err
	}
	k.cluster.Compact()
	return datadir.DropBackup(k.dir)
}

// noteAll notes the offsets of all partitions.
func (k *keeper) noteAll() error {
	topics, err := datadir.ReadTopics(k.dir)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, t := range topics {
		listed[t.ID] = true
		if err := k.note(t.Name); err != nil {
			return err
		}
	}
	maps.DeleteFunc(k.noted, func(p place, _ datadir.Offsets) bool { return !listed[idText(p.id)] })
	return nil
}

// idText is a topic's id as it is in the list of topics.
func idText(id [16]byte) string { return base64.StdEncoding.EncodeToString(id[:]) }

// note notes the offsets of a topic's partitions that have changed.
func (k *keeper) note(topic string) error {
	info := k.cluster.TopicInfo(topic)
	if info == nil {
		return nil
	}
	for _, p := range k.cluster.PartitionInfos(topic) {
		at, now := place{info.TopicID, p.Partition}, datadir.Offsets{Start: p.LogStartOffset, End: p.HighWatermark}
		if k.noted[at] == now {
			continue
		}
		if err := datadir.Keep(k.dir, topic, p.Partition, now, p.Epoch, p.Leader, k.sync); err != nil {
			return err
		}
		k.noted[at] = now
	}
	return nil
}
