package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/balance"
	"github.com/twmb/franz-go/pkg/kadm"
)

// ErrTopicsDiffer says that this member cannot be in a group with NestJS servers
// that read topics which it does not read: it would be given some of their
// partitions, and nobody would read those.
var ErrTopicsDiffer = errors.New("members of the consumer group read topics that this service has no handlers for, " +
	"and a NestJS server that leads the group gives those to this service too; " +
	"give all members the same topics, or this service a group of its own")

// lookTimeout bounds one look at the group.
const lookTimeout = 5 * time.Second

// Fits returns ErrTopicsDiffer when the group has NestJS servers, and members
// that read topics which this one would not read. It is asked before joining, so
// that a service that is started again and again disturbs nobody. What cannot be
// found out is left to the join.
func Fits(ctx context.Context, admin *kadm.Client, cfg Config) error {
	if !cfg.NestJS {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	differ, err := balance.Look(ctx, admin, cfg.Group, cfg.reader(cfg.Topics))
	if also := theirs(differ); err == nil && len(also) > 0 {
		return unfit(nil, also)
	}
	return nil
}

// reader is this member as it sees itself.
func (c Config) reader(topics []string) balance.Reader {
	wanted := c.reads()
	return balance.Reader{Topics: topics, Reads: func(topic string) bool {
		return slices.Contains(c.Topics, topic) || wanted != nil && wanted(topic)
	}}
}

// compareTopics ends a member that was given what it does not read: only when it
// has left does somebody read that again. Other differences are told.
func (in *Intake) compareTopics() {
	<-in.built
	ctx, cancel := context.WithTimeout(in.session, lookTimeout)
	defer cancel()
	foreign := in.shares.Foreign()
	differ, err := balance.Look(ctx, kadm.NewClient(in.client), in.cfg.Group, in.cfg.reader(in.shares.Topics()))
	if len(foreign) > 0 {
		in.leaving.Store(true) // also a static member: its place would be kept, and nobody would read
		in.refuse(unfit(foreign, theirs(differ)))
		return
	}
	if err != nil {
		differ = events.TopicsDiffer{} // the group is settling, or shares in another way by now
	}
	if in.news(differ) {
		in.cfg.Emit(differ)
	}
}

// news notes the differences and reports whether some are new.
func (in *Intake) news(differ events.TopicsDiffer) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	known := in.differ
	in.differ = differ
	return len(differ.Members)+len(differ.Unread) > 0 && !reflect.DeepEqual(known, differ)
}

// theirs says which members read topics that this one does not read.
func theirs(differ events.TopicsDiffer) []string {
	var also []string
	for _, m := range differ.Members {
		if len(m.Also) > 0 {
			also = append(also, m.String())
		}
	}
	return also
}

func unfit(foreign map[string][]int32, also []string) error {
	var found []string
	for _, topic := range slices.Sorted(maps.Keys(foreign)) {
		found = append(found, fmt.Sprintf("given partitions %v of %s", foreign[topic], topic))
	}
	return fmt.Errorf("%w (%s)", ErrTopicsDiffer, strings.Join(append(found, also...), "; "))
}
