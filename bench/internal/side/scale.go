package side

import "fmt"

// Scale is how much there is around a call. The zero value is the least.
type Scale struct {
	// Handlers is how many patterns the server serves, each with a topic of its
	// own; 0 is 1. Calls are of the first one.
	Handlers int `json:"handlers,omitempty"`

	// AllCalled spreads the calls over all patterns.
	AllCalled bool `json:"all_called,omitempty"`

	// Clients is how many clients, side by side in one process, take turns to
	// call; 0 is 1.
	Clients int `json:"clients,omitempty"`

	// OwnReplies gives each of the clients a reply topic of its own.
	OwnReplies bool `json:"own_replies,omitempty"`

	// ReplyPartitions is how many a reply topic has; 0 is as many as the
	// topic of requests.
	ReplyPartitions int `json:"reply_partitions,omitempty"`

	// Waiting is how many calls wait beside the others for an answer that
	// never comes; see Target.Silent.
	Waiting int `json:"waiting,omitempty"`
}

// Patterns are all that a server serves. The first one is Pattern.
func (t Target) Patterns() []string {
	all := []string{t.Pattern}
	for i := 1; i < t.Handlers; i++ {
		all = append(all, fmt.Sprintf("%s-%d", t.Pattern, i))
	}
	return all
}

// Called are the patterns that the calls are spread over.
func (t Target) Called() []string {
	if t.AllCalled {
		return t.Patterns()
	}
	return []string{t.Pattern}
}

// Silent is a topic of requests that nobody reads.
func (t Target) Silent() string { return t.Pattern + "-silent" }

// ForClient is the target as the n-th of the clients sees it.
func (t Target) ForClient(n int) Target {
	t.client = n
	return t
}

// ReplyTopic is the topic that replies to a client go to, where it has one for
// all patterns.
func (t Target) ReplyTopic() string {
	if t.OwnReplies {
		return fmt.Sprintf("%s-%d.reply", t.Pattern, t.client)
	}
	return ReplyTopic(t.Pattern)
}

// ReplyTopic is the topic that replies of a pattern go to: NestJS names it so.
func ReplyTopic(pattern string) string { return pattern + ".reply" }

// Requests are the topics of requests and events.
func (t Target) Requests() []string {
	if t.Waiting > 0 {
		return append(t.Patterns(), t.Silent())
	}
	return t.Patterns()
}

// Replies are the topics of replies.
func (t Target) Replies() []string {
	var all []string
	if !t.OwnReplies {
		for _, pattern := range t.Called() {
			all = append(all, ReplyTopic(pattern))
		}
	}
	if t.OwnReplies {
		for i := range max(t.Clients, 1) {
			all = append(all, t.ForClient(i).ReplyTopic())
		}
	}
	if t.Waiting > 0 {
		all = append(all, ReplyTopic(t.Silent()))
	}
	return all
}
