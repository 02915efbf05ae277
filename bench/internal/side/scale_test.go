package side

import (
	"slices"
	"testing"
)

func TestTopicsOfATarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		scale             Scale
		requests, replies []string
	}{
		{"the least", Scale{}, []string{"p"}, []string{"p.reply"}},
		{"handlers", Scale{Handlers: 2}, []string{"p", "p-1"}, []string{"p.reply"}},
		{"handlers, all called", Scale{Handlers: 2, AllCalled: true}, []string{"p", "p-1"}, []string{"p.reply", "p-1.reply"}},
		{"clients", Scale{Clients: 2}, []string{"p"}, []string{"p.reply"}},
		{"clients, a topic each", Scale{Clients: 2, OwnReplies: true}, []string{"p"}, []string{"p-0.reply", "p-1.reply"}},
		{"calls that wait", Scale{Waiting: 9}, []string{"p", "p-silent"}, []string{"p.reply", "p-silent.reply"}},
	} {
		at := Target{Pattern: "p", Scale: tt.scale}
		if got := at.Requests(); !slices.Equal(got, tt.requests) {
			t.Errorf("%s: requests go to %v, want %v", tt.name, got, tt.requests)
		}
		if got := at.Replies(); !slices.Equal(got, tt.replies) {
			t.Errorf("%s: replies go to %v, want %v", tt.name, got, tt.replies)
		}
	}
}
