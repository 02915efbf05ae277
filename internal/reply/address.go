// Package reply sends replies to where a request asked for them, as far as the
// service's policy allows.
package reply

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/wire"
)

// Address is where the replies to one request go, and in which dialect.
type Address struct {
	Dialect dialect.Dialect
	Request dialect.Request
	// Until is when the caller has given up waiting for the first reply. Zero
	// when it did not say; then Limits.Unstated holds.
	Until time.Time
}

// ErrRefused marks a reply topic to which the service does not write.
var ErrRefused = errors.New("reply topic refused")

// Policy says to which topics replies may go. A request names its reply topic,
// so the name is untrusted input: without a policy anybody who may write a
// request could make the service write to any topic it has rights for.
type Policy struct {
	// Allowed are further topics, by exact name.
	Allowed []string
	// Forbidden are the service's own topics, which win over everything.
	Forbidden []string
}

// suffixes of topics that are made for replies.
var suffixes = []string{wire.ReplySuffix, "-reply", ".replies", "-replies"}

// Expressions are regular expressions of the topics that are made for replies.
func Expressions() []string {
	all := make([]string, len(suffixes))
	for i, s := range suffixes {
		all[i] = regexp.QuoteMeta(s) + "$"
	}
	return all
}

// Check returns nil when replies may go to topic, else an error that wraps
// ErrRefused and names the setting to change.
func (p Policy) Check(topic string) error {
	if err := wire.CheckTopic(topic); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if strings.HasPrefix(topic, "__") || strings.HasSuffix(topic, wire.DeadLetterSuffix) ||
		strings.HasSuffix(topic, wire.RetrySuffix) || slices.Contains(p.Forbidden, topic) {
		return fmt.Errorf("%w: %q is an internal, request, event, retry or dead-letter topic", ErrRefused, topic)
	}
	if slices.Contains(p.Allowed, topic) {
		return nil
	}
	for _, s := range suffixes {
		if strings.HasSuffix(topic, s) && len(topic) > len(s) {
			return nil
		}
	}
	return fmt.Errorf("%w: %q ends in none of %s; to allow it, add it to Config.ReplyTopics",
		ErrRefused, topic, strings.Join(suffixes, ", "))
}
