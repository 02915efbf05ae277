//go:build synctests

package devbroker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/siskin-go/siskin/devbroker"
)

// virtual starts a broker that is reached through a virtual network only, for
// tests in virtual time. kgo needs the build tag synctests for that.
func virtual(t *testing.T, cfg devbroker.Config) (*devbroker.Broker, kgo.Opt) {
	t.Helper()
	var network kfake.VirtualNetwork
	cfg.Listen, cfg.ListenFunc = "127.0.0.1:9092", network.Listen
	return start(t, cfg), kgo.Dialer(network.DialContext)
}

func TestVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, dial := virtual(t, devbroker.Config{})
		produce(t, client(t, b.Addr(), dial), "greetings", "hello")
		reader := client(t, b.Addr(), dial, kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("greetings"),
			kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
		if diff := cmp.Diff([]string{"hello"}, consume(t, reader, 1)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRetentionGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		topic := devbroker.Topic{Name: "replies", Configs: map[string]string{"retention.ms": "60000"}}
		b, dial := virtual(t, devbroker.Config{DataDir: dir, Topics: []devbroker.Topic{topic}})
		produce(t, client(t, b.Addr(), dial), topic.Name, "old")
		closeBroker(t, b)

		b, dial = virtual(t, devbroker.Config{DataDir: dir})
		time.Sleep(3 * time.Minute) // virtual
		produce(t, client(t, b.Addr(), dial), topic.Name, "new")
		reader := client(t, b.Addr(), dial, kgo.ConsumeTopics(topic.Name), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
		if diff := cmp.Diff([]string{"new"}, consume(t, reader, 1)); diff != "" {
			t.Error(diff)
		}
	})
}
