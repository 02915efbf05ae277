package redrive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ending is how long the end of a transaction may take, also after Ctrl-C.
const ending = 30 * time.Second

// transact stores the records and the ledgers, or nothing. If a record is too large
// for its topic, it is returned with the error.
func (r *run) transact(ctx context.Context, records []*kgo.Record, ledgers map[*Partition]Ledger) (large *kgo.Record, err error) {
	commit, err := r.commit(ledgers)
	if err != nil {
		return nil, err
	}
	if err := r.client.BeginTransaction(); err != nil {
		return nil, fmt.Errorf("begin a transaction: %w", err)
	}
	large, err = r.produce(ctx, records)
	if err == nil {
		err = r.store(ctx, commit)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	if err != nil {
		// If the abort fails, the next run aborts, or the broker does after a while.
		_ = r.client.AbortBufferedRecords(end)
		_ = r.client.EndTransaction(end, kgo.TryAbort)
		return large, err
	}
	if err := r.client.EndTransaction(end, kgo.TryCommit); err != nil {
		return nil, fmt.Errorf("whether the last %d letters went back is not known; the next redrive finds out: %w", len(records), err)
	}
	return nil, nil
}

// produce sends the records and waits until the broker has them.
func (r *run) produce(ctx context.Context, records []*kgo.Record) (large *kgo.Record, err error) {
	var mu sync.Mutex
	for _, rec := range records {
		r.client.Produce(ctx, rec, func(rec *kgo.Record, failed error) {
			mu.Lock()
			defer mu.Unlock()
			tooLarge := errors.Is(failed, kerr.MessageTooLarge) || errors.Is(failed, kerr.RecordListTooLarge)
			if failed != nil && (err == nil || tooLarge && large == nil) {
				err = fmt.Errorf("put back to %s: %w", rec.Topic, security.OnTopic(security.Write, rec.Topic, failed))
			}
			if tooLarge && large == nil {
				large = rec
			}
		})
	}
	flushed := r.client.Flush(ctx)
	if flushed == nil {
		flushed = r.learned(ctx)
	}
	mu.Lock()
	defer mu.Unlock()
	if err == nil {
		err = flushed
	}
	return large, err
}

// learned returns when the Kafka client (1.22.3) has noted the partitions of new topics
// that it has produced to: it does so a moment later, under a lock that this takes. A
// transaction that ends in between counts as one without a record, and is aborted
// without an error. Nothing is buffered here, so nothing is aborted.
func (r *run) learned(ctx context.Context) error { return r.client.AbortBufferedRecords(ctx) }

// commit is the request that stores the ledgers. It names no member: whoever has the
// transaction's id owns the group.
func (r *run) commit(ledgers map[*Partition]Ledger) (*kmsg.TxnOffsetCommitRequest, error) {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group = Group(r.Topic.Name), Group(r.Topic.Name)
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.TopicID = r.Topic.Name, r.Topic.ID
	for partition, ledger := range ledgers {
		note, err := ledger.Note()
		if err != nil {
			return nil, fmt.Errorf("%s/%d: %w", r.Topic.Name, partition.Number, err)
		}
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = partition.Number, ledger.Next(), -1, &note
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req, nil
}

// store makes the ledgers a part of the transaction.
func (r *run) store(ctx context.Context, req *kmsg.TxnOffsetCommitRequest) error {
	id, epoch, err := r.client.ProducerID(ctx)
	if err != nil {
		return err
	}
	if err := r.join(ctx, id, epoch); err != nil {
		return fmt.Errorf("take the group %s into the transaction: %w", req.Group, err)
	}
	req.ProducerID, req.ProducerEpoch = id, epoch
	resp, err := req.RequestWith(ctx, r.client)
	if err != nil {
		return fmt.Errorf("commit to the group %s: %w", req.Group, err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := security.OnTopic(security.Read, r.Topic.Name, kerr.ErrorForCode(p.ErrorCode)); err != nil {
				return fmt.Errorf("commit %s/%d to the group %s: %w", r.Topic.Name, p.Partition, req.Group, err)
			}
		}
	}
	return nil
}

// join adds the group to the transaction. The broker may still be busy with the end
// of the one before.
func (r *run) join(ctx context.Context, id int64, epoch int16) error {
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.Group = Group(r.Topic.Name), Group(r.Topic.Name)
	req.ProducerID, req.ProducerEpoch = id, epoch
	return again(ctx, func() error {
		resp, err := req.RequestWith(ctx, r.client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
}
