package main

import (
	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/components/requestreply"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/siskin-go/siskin/bench/internal/side"
)

var (
	silent watermill.LoggerAdapter = watermill.NopLogger{}
	names                          = cqrs.JSONMarshaler{}
)

// newPublisher gives every reply and request an acknowledgement of all replicas;
// the idempotent producer allows one request in flight only, as sarama wants it.
func newPublisher(at side.Target) (*kafka.Publisher, error) {
	settings := kafka.DefaultSaramaSyncPublisherConfig()
	settings.Producer.RequiredAcks = sarama.WaitForAll
	settings.Producer.Idempotent = true
	settings.Net.MaxOpenRequests = 1
	settings.Producer.MaxMessageBytes = 1 << 20
	return kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: at.Brokers, Marshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: settings,
	}, silent)
}

// newSubscriber reads in a group, or all partitions from their end without one.
func newSubscriber(at side.Target, group string) (*kafka.Subscriber, error) {
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Consumer.Offsets.Initial = sarama.OffsetNewest
	if group != "" {
		settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	}
	return kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: at.Brokers, Unmarshaler: kafka.DefaultMarshaler{}, ConsumerGroup: group, OverwriteSaramaConfig: settings,
	}, silent)
}

// newBackend routes the replies. A subscriber is made once: requestreply
// subscribes with it anew for each call.
func newBackend[Result any](at side.Target, publisher message.Publisher, replies message.Subscriber) (*requestreply.PubSubBackend[Result], error) {
	return requestreply.NewPubSubBackend(requestreply.PubSubBackendConfig{
		Publisher: publisher,
		SubscriberConstructor: func(requestreply.PubSubBackendSubscribeParams) (message.Subscriber, error) {
			return replies, nil
		},
		GeneratePublishTopic: func(requestreply.PubSubBackendPublishParams) (string, error) {
			return at.ReplyTopic(), nil
		},
		GenerateSubscribeTopic: func(requestreply.PubSubBackendSubscribeParams) (string, error) {
			return at.ReplyTopic(), nil
		},
		Logger: silent,
	}, requestreply.BackendPubsubJSONMarshaler[Result]{})
}
