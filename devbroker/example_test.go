package devbroker_test

import (
	"context"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

// A broker for a test or an example: any free port, everything in memory.
func Example() {
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer broker.Close()

	client, err := kgo.NewClient(
		kgo.SeedBrokers(broker.Addr()),
		kgo.AllowAutoTopicCreation(),
		kgo.DefaultProduceTopic("greetings"),
		kgo.ConsumeTopics("greetings"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	if err := client.ProduceSync(ctx, kgo.StringRecord("hello")).FirstErr(); err != nil {
		fmt.Println(err)
		return
	}
	for _, record := range client.PollFetches(ctx).Records() {
		fmt.Printf("%s %d: %s\n", record.Topic, record.Offset, record.Value)
	}
	// Output: greetings 0: hello
}

// With a data folder the next broker goes on where this one ended.
func ExampleConfig_dataDir() {
	dir, err := os.MkdirTemp("", "devbroker")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	for range 2 {
		offset, err := produceOnce(dir)
		fmt.Println("offset", offset, err)
	}
	// Output:
	// offset 0 <nil>
	// offset 1 <nil>
}

// produceOnce starts a broker, produces one record and closes the broker.
func produceOnce(dir string) (int64, error) {
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation())
	if err != nil {
		return 0, err
	}
	record, err := client.ProduceSync(context.Background(), &kgo.Record{Topic: "log"}).First()
	if err != nil {
		return 0, err
	}
	client.Close()
	return record.Offset, broker.Close()
}
