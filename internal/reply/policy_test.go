package reply_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/siskin-go/siskin/internal/reply"
)

var policy = reply.Policy{
	Allowed:   []string{"answers", "orders", "__internal", "orders-dlt"},
	Forbidden: []string{"orders", "sum", "odd.reply"},
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		topic string
		want  string // a part of the refusal, or empty when it is allowed
	}{
		{"sum.reply", ""},
		{"sum-reply", ""},
		{"sum.replies", ""},
		{"sum-replies", ""},
		{"a.b.c.reply", ""},
		{"-.reply", ""},
		{"answers", ""}, // by the list
		{"answer", "Config.ReplyTopics"},
		{"sumreply", "Config.ReplyTopics"},
		{"sum.Reply", "Config.ReplyTopics"},
		{"sum.reply.", "Config.ReplyTopics"},
		{".reply", "Config.ReplyTopics"}, // nothing before the suffix
		{"-replies", "Config.ReplyTopics"},
		{"sum", "request"},       // a topic of the service
		{"odd.reply", "request"}, // also with a suffix of replies
		{"orders", "request"},    // also on the list
		{"__consumer_offsets", "internal"},
		{"__internal", "internal"},
		{"__x.reply", "internal"},
		{"orders-dlt", "dead-letter"},
		{"sum.reply-dlt", "dead-letter"},
		{"", "empty"},
		{".", "reserved"},
		{"..", "reserved"},
		{"sum reply.reply", "position 3"},
		{"sum\x00.reply", "position 3"},
		{"söm.reply", "position 1"},
		{strings.Repeat("x", 243) + ".reply", ""},
		{strings.Repeat("x", 244) + ".reply", "250"},
	} {
		err := policy.Check(tt.topic)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("Check(%q) = %v, want nil", tt.topic, err)
		case tt.want != "" && err == nil:
			t.Errorf("Check(%q) = nil, want a refusal that names %q", tt.topic, tt.want)
		case tt.want != "" && (!errors.Is(err, reply.ErrRefused) || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("Check(%q) = %v, want a refusal that names %q", tt.topic, err, tt.want)
		}
	}
}

func TestZeroPolicyAllowsReplyTopicsOnly(t *testing.T) {
	t.Parallel()
	if err := (reply.Policy{}).Check("sum.reply"); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
	if err := (reply.Policy{}).Check("sum"); !errors.Is(err, reply.ErrRefused) {
		t.Errorf("Check = %v, want %v", err, reply.ErrRefused)
	}
}

// A request names its reply topic: whatever bytes come, the answer is yes or a
// refusal, and never yes for a topic that is not made for replies.
func FuzzPolicyCheck(f *testing.F) {
	for _, topic := range []string{
		"sum.reply", "orders", "__consumer_offsets.reply", "orders-dlt", ".reply", "\x00.reply", "..", "a\xff-replies",
		"sum.reply\n", "answers", strings.Repeat("é", 130) + ".reply",
	} {
		f.Add(topic)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		err := policy.Check(topic)
		if err != nil {
			if !errors.Is(err, reply.ErrRefused) || err.Error() == "" {
				t.Fatalf("Check(%q) = %v, which is no refusal", topic, err)
			}
			return
		}
		made := topic == "answers"
		for _, suffix := range []string{".reply", "-reply", ".replies", "-replies"} {
			made = made || strings.HasSuffix(topic, suffix)
		}
		legal := !strings.ContainsFunc(topic, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", r)
		})
		if !made || !legal || len(topic) > 249 || strings.HasPrefix(topic, "__") || strings.HasSuffix(topic, "-dlt") ||
			slices.Contains(policy.Forbidden, topic) {
			t.Fatalf("Check(%q) = nil", topic)
		}
	})
}
