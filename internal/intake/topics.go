package intake

import (
	"regexp"

	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// consuming says which topics are read. The Kafka client takes either names or
// expressions, so names become expressions where there is a pattern.
func (c Config) consuming() []kgo.Opt {
	if len(c.Patterns) == 0 {
		return []kgo.Opt{kgo.ConsumeTopics(c.Topics...)}
	}
	expressions := append([]string(nil), c.Patterns...)
	for _, topic := range c.Topics {
		expressions = append(expressions, c.expression(topic))
	}
	return []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics(expressions...), kgo.ConsumeExcludeTopics(c.Exclude...)}
}

// expression is how the Kafka client knows a topic.
func (c Config) expression(topic string) string {
	if len(c.Patterns) == 0 {
		return topic
	}
	return "^" + regexp.QuoteMeta(topic) + "$"
}

// reads reports whether a pattern means the topic; it is nil without patterns.
func (c Config) reads() func(string) bool {
	if len(c.Patterns) == 0 {
		return nil
	}
	wanted, unwanted := compile(c.Patterns), compile(c.Exclude)
	return func(topic string) bool { return matches(wanted, topic) && !matches(unwanted, topic) }
}

func compile(expressions []string) []*regexp.Regexp {
	all := make([]*regexp.Regexp, len(expressions))
	for i, e := range expressions {
		all[i] = regexp.MustCompile(e)
	}
	return all
}

func matches(all []*regexp.Regexp, topic string) bool {
	for _, re := range all {
		if re.MatchString(topic) {
			return true
		}
	}
	return false
}

// lanes says how the records of a topic run.
func (in *Intake) lanes(topic string) (lane.Order, []*lane.Places) {
	order, more := in.cfg.Lanes(topic)
	if more == nil {
		return order, []*lane.Places{in.places}
	}
	return order, []*lane.Places{in.places, more}
}
