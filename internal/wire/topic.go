package wire

import (
	"errors"
	"fmt"
)

// MaxTopicLength is the longest topic name that Apache Kafka accepts, in bytes.
const MaxTopicLength = 249

// ErrTopicName marks a name that no broker accepts as a topic.
var ErrTopicName = errors.New("not a legal topic name")

// CheckTopic says why name is not a legal topic name, or nil. The rule is
// Apache Kafka's: 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', and
// neither "." nor "..".
func CheckTopic(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrTopicName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: %q is reserved", ErrTopicName, name)
	case len(name) > MaxTopicLength:
		return fmt.Errorf("%w: it has %d characters, the most is %d", ErrTopicName, len(name), MaxTopicLength)
	}
	for i := range len(name) {
		if !legal(name[i]) {
			return fmt.Errorf("%w: %q has %q at position %d; use letters, digits, '.', '_' and '-'",
				ErrTopicName, name, name[i], i)
		}
	}
	return nil
}

func legal(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}

// RetryTopicName is where a consumer group's records of a topic wait to be tried
// again. Spring's name has no group in it: <topic>-retry, as for one fixed delay.
// Source: protocol notes for Spring, b.6.
func RetryTopicName(topic, group string, spring bool) string {
	if spring {
		return topic + RetrySuffix
	}
	return topic + "-" + group + RetrySuffix
}
