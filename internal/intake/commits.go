package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/commit"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitTimeout bounds one commit, so that a broker that does not answer holds
// up neither a rebalance nor the end.
const commitTimeout = 5 * time.Second

func (in *Intake) wakeCommits() {
	select {
	case in.dirty <- struct{}{}:
	default:
	}
}

// commitLoop commits at most once an interval, and only when something is new.
func (in *Intake) commitLoop(stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-in.dirty:
		}
		_ = in.Commit(context.Background()) // a failure is told about, and tried again
		timer.Reset(in.cfg.CommitInterval)
		select {
		case <-stop:
			return
		case <-timer.C:
		}
	}
}

// Commit stores the watermark of every owned partition that has moved. It
// returns the broker's error, or that of ctx.
func (in *Intake) Commit(ctx context.Context) error {
	select {
	case in.commitTurn <- struct{}{}:
		defer func() { <-in.commitTurn }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errCommitting, ctx.Err())
	}
	joins := in.uncommitted.Load() // before moved: what it stands for is in there
	err := ErrLost
	for errors.Is(err, ErrLost) { // another partition than the caller's, most often
		err = nil
		if offsets, parts, notes := in.moved(); len(offsets) > 0 {
			if err = in.store(ctx, offsets, parts, notes); err != nil {
				again(parts)
			}
		}
	}
	in.told(err)
	if err == nil && joins && in.uncommitted.Swap(false) {
		in.joined()
	}
	return err
}

// errCommitting says that an earlier commit has no answer yet.
var errCommitting = errors.New("an earlier commit is still under way")

// commitLast is the commit at the end. The next owner repeats what it does not store.
func (in *Intake) commitLast(ctx context.Context) {
	err := in.Commit(ctx)
	if errors.Is(err, errCommitting) { // any other failure was told about
		in.cfg.Emit(events.CommitFailed{Group: in.cfg.Group, Err: err})
	}
}

func (in *Intake) store(
	ctx context.Context, offsets map[string]map[int32]kgo.EpochOffset, parts map[key]*partition, notes map[key]string,
) (failed error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		annotate(req, notes)
		return stillOwned(parts, req.MemberID)
	})
	in.client.CommitOffsetsSync(ctx, offsets,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if failed = err; err == nil {
				failed = in.stored(offsets, parts, resp)
			}
		})
	return failed
}

// again sees to it that what a failed commit should have stored is stored by the next
// one.
func again(parts map[key]*partition) {
	for _, p := range parts {
		if p.retries {
			p.twin.queue.Dirty()
		}
	}
}

// stillOwned is asked when a commit is about to leave. The Kafka client holds
// commits back while it joins, and would then send them as the member that it has
// become: for partitions that were lost meanwhile, and whose new owner may be
// further, they would take the group back.
func stillOwned(parts map[key]*partition, member string) error {
	for _, p := range parts {
		if p.closed.Load() || p.member != member {
			return ErrLost
		}
	}
	return nil
}

// commit commits all partitions for one who asks about this.
func (p *partition) commit(ctx context.Context) error {
	err := p.in.Commit(ctx)
	if member, _ := p.in.client.GroupMetadata(); p.closed.Load() || p.member != member {
		return ErrLost // it was left out
	}
	return err
}

// told asks for another try after a failed commit and tells about it, once until
// a commit goes well or the reason changes.
func (in *Intake) told(err error) {
	if err == nil {
		in.commitFailure = ""
		return
	}
	in.wakeCommits()
	if err = security.OnGroup(in.cfg.Group, err); in.commitFailure != err.Error() {
		in.commitFailure = err.Error()
		in.cfg.Emit(events.CommitFailed{Group: in.cfg.Group, Err: err})
	}
}

// moved is what is to be committed, in one request. A source and its retry partition
// go together, and what is said of the latter must not be older.
func (in *Intake) moved() (map[string]map[int32]kgo.EpochOffset, map[key]*partition, map[key]string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	parts := make(map[key]*partition)
	var notes map[key]string
	add := func(p *partition, offset int64, epoch int32) {
		if offsets[p.key.topic] == nil {
			offsets[p.key.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[p.key.topic][p.key.partition] = kgo.EpochOffset{Epoch: epoch, Offset: offset}
		parts[p.key] = p
	}
	member, _ := in.client.GroupMetadata()
	for _, p := range in.partitions {
		if p.retries || p.closed.Load() || p.member != member {
			continue
		}
		t := p.twin
		if t != nil && t.closed.Load() {
			continue // the two go together
		}
		offset, epoch, dirty := p.marks.Position()
		if t != nil {
			t.passed(offset)
			dirty = t.queue.IsDirty() || dirty
		}
		if !dirty {
			continue
		}
		if offset != commit.Unknown {
			add(p, offset, epoch)
		}
		if t == nil {
			continue
		}
		offset, epoch, note := t.queue.Position()
		if offset == commit.Unknown {
			continue // it is not read yet
		}
		if notes == nil {
			notes = make(map[key]string)
		}
		notes[t.key] = note
		add(t.partition, offset, epoch)
	}
	return offsets, parts, notes
}

// annotate puts notes into a commit.
func annotate(req *kmsg.OffsetCommitRequest, notes map[key]string) {
	for i := range req.Topics {
		partitions := req.Topics[i].Partitions
		for j := range partitions {
			if note, ok := notes[key{req.Topics[i].Topic, partitions[j].Partition}]; ok {
				partitions[j].Metadata = &note
			}
		}
	}
}

// stored notes what the broker took. A broker can refuse single partitions
// although the commit as a whole went well.
func (in *Intake) stored(
	offsets map[string]map[int32]kgo.EpochOffset, parts map[key]*partition, resp *kmsg.OffsetCommitResponse,
) (refused error) {
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				refused = security.OnTopic(security.Read, t.Topic, err)
				continue
			}
			if part := parts[key{t.Topic, p.Partition}]; part != nil {
				part.marks.Committed(offsets[t.Topic][p.Partition].Offset)
			}
		}
	}
	return refused
}
