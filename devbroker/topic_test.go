package devbroker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/siskin-go/siskin/devbroker"
)

// ask sends a metadata request for topics as a client of a given version.
func ask(t *testing.T, c *kgo.Client, version int16, create bool, topics ...string) *kmsg.MetadataResponse {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = create
	for _, topic := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(topic)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := c.Broker(0).RetriableRequest(testContext(t), pinned{req, version})
	if err != nil {
		t.Fatal(err)
	}
	return resp.(*kmsg.MetadataResponse)
}

// pinned is a metadata request of one version.
type pinned struct {
	*kmsg.MetadataRequest
	version int16
}

func (p pinned) MaxVersion() int16 { return p.version }

func TestTopicsAreCreatedOnlyIfAllowed(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{Partitions: 3})
	c := client(t, b.Addr())
	tests := []struct {
		topic   string
		version int16
		create  bool
		want    error
	}{
		{"allowed", 12, true, nil},
		{"not-allowed", 12, false, kerr.UnknownTopicOrPartition},
		{"before-it-could-be-forbidden", 3, false, nil},
		{"a name with blanks", 12, true, kerr.UnknownTopicOrPartition},
		{strings.Repeat("x", 249), 12, true, nil},
		{strings.Repeat("x", 250), 12, true, kerr.UnknownTopicOrPartition},
		{"..", 12, true, kerr.UnknownTopicOrPartition},
	}
	for _, tt := range tests {
		got := ask(t, c, tt.version, tt.create, tt.topic).Topics[0]
		if err := kerr.ErrorForCode(got.ErrorCode); !errors.Is(err, tt.want) {
			t.Errorf("topic %.20q: %v, want %v", tt.topic, err, tt.want)
		} else if tt.want == nil && len(got.Partitions) != 3 {
			t.Errorf("topic %.20q: %d partitions, want 3", tt.topic, len(got.Partitions))
		}
	}
}

func TestInvalidNamesCannotBeCreatedByRequest(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{})
	adm := kadm.NewClient(client(t, b.Addr()))
	if _, err := adm.CreateTopic(testContext(t), 1, 1, nil, `{"cmd":"sum"}`); !errors.Is(err, kerr.InvalidTopicException) {
		t.Errorf("error %v, want %v", err, kerr.InvalidTopicException)
	}
	if _, err := adm.CreateTopic(testContext(t), 1, 1, nil, "cmd.sum"); err != nil {
		t.Error(err)
	}
}

func TestTopicsAreCreatedAfterManyRequests(t *testing.T) {
	t.Parallel()
	b := start(t, devbroker.Config{})
	c := client(t, b.Addr())
	for range 2100 { // the hook is replaced on the way
		ask(t, c, 12, true, "same")
	}
	if got := ask(t, c, 12, true, "late").Topics[0]; got.ErrorCode != 0 {
		t.Errorf("topic not created: %v", kerr.ErrorForCode(got.ErrorCode))
	}
}
