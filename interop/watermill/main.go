// Command watermill is a service on Watermill that writes dead letters: its
// handler "reserve" fails until a line with "mend" comes on stdin, and what it
// cannot handle goes to a poison queue.
//
// It prints "ready", "failed VALUE", "mended", and "handled VALUE NAMES" with the
// names of the message's metadata.
//
//	watermill BROKERS TOPIC POISON
package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: watermill BROKERS TOPIC POISON")
		os.Exit(2)
	}
	if err := run(strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(brokers []string, topic, poison string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	logger := watermill.NewStdLoggerWithOut(os.Stderr, false, false)
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}}, logger)
	if err != nil {
		return fmt.Errorf("publisher: %w", err)
	}
	defer publisher.Close()
	settings := kafka.DefaultSaramaSubscriberConfig()
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	settings.Consumer.IsolationLevel = sarama.ReadCommitted
	subscriber, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, Unmarshaler: kafka.DefaultMarshaler{}, ConsumerGroup: topic + "-group", OverwriteSaramaConfig: settings,
	}, logger)
	if err != nil {
		return fmt.Errorf("subscriber: %w", err)
	}
	queue, err := middleware.PoisonQueue(publisher, poison)
	if err != nil {
		return fmt.Errorf("poison queue: %w", err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	router.AddMiddleware(queue)
	var mended atomic.Bool
	router.AddConsumerHandler("reserve", topic, subscriber, func(m *message.Message) error {
		if !mended.Load() {
			fmt.Println("failed", string(m.Payload))
			return fmt.Errorf("no stock for %s", m.Payload)
		}
		fmt.Println("handled", string(m.Payload), strings.Join(slices.Sorted(maps.Keys(m.Metadata)), ","))
		return nil
	})
	go func() {
		<-router.Running()
		fmt.Println("ready")
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			mended.Store(in.Text() == "mend")
			fmt.Println("mended")
		}
		cancel()
	}()
	return router.Run(ctx)
}
