package hostile

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Store writes bytes to a partition as if they were a record batch and returns
// its first offset, or the broker's refusal.
func Store(ctx context.Context, client *kgo.Client, topic string, partition int32, raw []byte) (int64, error) {
	id, leader, err := find(ctx, client, topic, partition)
	if err != nil {
		return 0, fmt.Errorf("find %s/%d: %w", topic, partition, err)
	}
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, raw
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic, id, []kmsg.ProduceRequestTopicPartition{p}
	req := kmsg.NewProduceRequest()
	req.Acks, req.TimeoutMillis, req.Topics = -1, 10_000, []kmsg.ProduceRequestTopic{t}
	resp, err := client.Broker(int(leader)).RetriableRequest(ctx, &req)
	if err != nil {
		return 0, err
	}
	got := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	err = kerr.ErrorForCode(got.ErrorCode)
	if err != nil && got.ErrorMessage != nil {
		err = fmt.Errorf("%w: %s", err, *got.ErrorMessage)
	}
	return got.BaseOffset, err
}

func find(ctx context.Context, client *kgo.Client, topic string, partition int32) ([16]byte, int32, error) {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	req := kmsg.NewMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{t}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return [16]byte{}, 0, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.Partition == partition && p.ErrorCode == 0 {
				return t.TopicID, p.Leader, nil
			}
		}
	}
	return [16]byte{}, 0, kerr.UnknownTopicOrPartition
}
