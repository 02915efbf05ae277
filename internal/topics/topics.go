// Package topics sees to it that the topics which a service or client needs
// exist, in the way that its policy asks for.
package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/address"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Policy is what to do about a missing topic.
type Policy string

// The policies.
const (
	Create Policy = "create" // make it
	Verify Policy = "verify" // one error that names all that are missing
	Wait   Policy = "wait"   // go on when somebody has made it
)

// ErrMissing marks the error of Verify.
var ErrMissing = errors.New("topics do not exist")

// Spec is a topic that is needed.
type Spec struct {
	Name string
	// For is what will be done with its records: security.Read or Write. Both
	// include the right to ask for the topic.
	For security.Operation
	// Partitions to create it with. At least 1.
	Partitions int32
	// Like is a topic that it gets as many partitions as, when that one exists. May
	// be empty.
	Like string
	// Grow gives one that exists as many partitions as Like has, where the policy is
	// Create.
	Grow bool
	// Optional means that it is not waited for: Wait is as Verify.
	Optional bool
	// Replication factor, or -1 for the broker's default.
	Replication int16
	// Retention of its records, or zero for the broker's default.
	Retention time.Duration
	// Compact keeps, within Retention, only the newest record of each key.
	Compact bool
}

func (s Spec) configs() map[string]*string {
	if s.Retention <= 0 {
		return nil
	}
	ms := fmt.Sprint(s.Retention.Milliseconds())
	policy := "delete"
	if s.Compact {
		policy = "compact,delete"
	}
	return map[string]*string{"retention.ms": &ms, "cleanup.policy": &policy}
}

// Keeper applies a policy. Safe for concurrent use.
type Keeper struct {
	Admin  *kadm.Client
	Policy Policy
	Emit   events.Sink
	// Topics asks for topics. Nil is Admin.ListTopics; a keeper for many callers at
	// once has one that asks for them together.
	Topics func(ctx context.Context, names ...string) (kadm.TopicDetails, error)
	// Refused turns an error into the one that says why waiting cannot help, or
	// into nil where it can. May be nil: then it always can.
	Refused func(context.Context, error) error
}

// refused is why waiting after err cannot help, or nil.
func (k Keeper) refused(ctx context.Context, err error) error {
	if err == nil || k.Refused == nil {
		return nil
	}
	return k.Refused(ctx, err)
}

// Default is the policy for brokers when none is set: a loopback broker is
// somebody's own, any other may belong to people who keep its topics in order.
func Default(brokers []string) Policy {
	if address.Loopback(brokers...) {
		return Create
	}
	return Verify
}

// Ensure returns nil when all topics exist. It asks again until ctx ends while
// no broker answers, and under Wait while a topic is missing. It returns an
// error that wraps ErrMissing under Verify, and other errors that cannot mend
// themselves, such as a missing right.
func (k Keeper) Ensure(ctx context.Context, specs []Spec) error {
	told := ""
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		missing, err := k.missing(ctx, specs)
		if err == nil && len(missing) > 0 {
			missing, err = k.apply(ctx, missing)
		}
		refused := k.refused(ctx, err)
		switch {
		case err == nil && len(missing) == 0:
			return nil
		case refused != nil:
			return refused
		case Final(err):
			return err
		case err != nil:
			if broker, ok := errors.AsType[*kerr.Error](err); ok && told != broker.Message {
				// Not while nobody answers: that is told elsewhere, once.
				told = broker.Message
				k.Emit(events.TopicsFailed{Topics: names(specs), Err: err})
			}
		default:
			if names := names(missing); told != strings.Join(names, ",") {
				told = strings.Join(names, ",")
				k.Emit(events.TopicsMissing{Topics: names, Policy: string(k.Policy)})
			}
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return waited(ctx, missing, err)
		}
	}
}

const (
	firstDelay   = 100 * time.Millisecond
	longestDelay = 2 * time.Second
)

// waited explains an end by ctx.
func waited(ctx context.Context, missing []Spec, err error) error {
	if err != nil {
		return fmt.Errorf("%w: no broker answered the question for topics: %w", context.Cause(ctx), err)
	}
	return fmt.Errorf("%w while waiting for the topics %s", context.Cause(ctx), strings.Join(names(missing), ", "))
}

// missing returns the specs whose topics do not exist.
func (k Keeper) missing(ctx context.Context, specs []Spec) ([]Spec, error) {
	ask := k.Topics
	if ask == nil {
		ask = k.Admin.ListTopics
	}
	details, err := ask(ctx, append(names(specs), models(specs)...)...)
	if errors.Is(err, kerr.TopicAuthorizationFailed) && len(specs) > 0 {
		return nil, k.forbidden(ctx, specs)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the topics %s: %w", strings.Join(names(specs), ", "), err)
	}
	var missing []Spec
	for _, s := range specs {
		d, ok := details[s.Name]
		switch {
		case !ok || errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			if n := len(details[s.Like].Partitions); n > 0 {
				s.Partitions = int32(n)
			}
			missing = append(missing, s)
		case d.Err != nil:
			return nil, fmt.Errorf("topic %q: %w", s.Name, d.Err)
		case s.Grow && k.Policy == Create && len(d.Partitions) < len(details[s.Like].Partitions):
			if err := k.grow(ctx, s.Name, len(details[s.Like].Partitions)); err != nil {
				return nil, err
			}
		}
	}
	return missing, nil
}

// grow adds partitions to a topic. Somebody else may do so at the same moment.
func (k Keeper) grow(ctx context.Context, name string, partitions int) error {
	answer, err := k.Admin.UpdatePartitions(ctx, partitions, name)
	if err == nil {
		err = answer.Error()
	}
	if err == nil || errors.Is(err, kerr.InvalidPartitions) {
		return nil
	}
	return fmt.Errorf("add partitions to the topic %q: %w", name, security.OnTopic(security.Alter, name, err))
}

// forbidden returns all rights to topics that are missing. The answer for several
// topics does not say for which of them.
func (k Keeper) forbidden(ctx context.Context, specs []Spec) error {
	var errs []error
	for _, s := range specs {
		if _, err := k.Admin.ListTopics(ctx, s.Name); err != nil {
			errs = append(errs, security.OnTopic(s.For, s.Name, err))
		}
	}
	if len(errs) == 0 {
		return errors.New("ask for the topics: a right to them has just been granted") // and ask again
	}
	return errors.Join(errs...)
}

// apply follows the policy and returns what is still missing.
func (k Keeper) apply(ctx context.Context, missing []Spec) ([]Spec, error) {
	optional := func(s Spec) bool { return s.Optional }
	switch {
	case k.Policy == Verify, k.Policy == Wait && slices.ContainsFunc(missing, optional):
		return nil, fmt.Errorf("%w: %s; create them, or set Config.Topics to \"create\" or \"wait\"",
			ErrMissing, strings.Join(names(missing), ", "))
	case k.Policy == Wait:
		return missing, nil
	}
	var created []string
	for _, s := range missing {
		made, err := k.create(ctx, s)
		if err != nil {
			return nil, err
		}
		if made {
			created = append(created, s.Name)
		}
	}
	if len(created) > 0 {
		k.Emit(events.TopicsCreated{Topics: created})
	}
	return nil, nil
}

// create makes one topic. One that somebody else has just made is fine.
func (k Keeper) create(ctx context.Context, s Spec) (made bool, err error) {
	_, err = k.Admin.CreateTopic(ctx, s.Partitions, s.Replication, s.configs(), s.Name)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, kerr.TopicAlreadyExists):
		return false, nil
	}
	return false, fmt.Errorf("create the topic %q: %w", s.Name, security.OnTopic(security.Create, s.Name, err))
}

// Final reports whether asking again after an error of Ensure, or of a write to the
// topic, cannot help. A replication factor that the
// broker refuses is not: a broker that is away for a moment is missing then.
func Final(err error) bool {
	for _, e := range []error{
		ErrMissing, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.InvalidTopicException,
		kerr.InvalidPartitions, kerr.PolicyViolation,
		kerr.TopicDeletionDisabled, kerr.InvalidConfig,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// models are the topics that others are made like, and that are not needed by
// themselves.
func models(specs []Spec) []string {
	needed := names(specs)
	var out []string
	for _, s := range specs {
		if s.Like != "" && !slices.Contains(needed, s.Like) && !slices.Contains(out, s.Like) {
			out = append(out, s.Like)
		}
	}
	return out
}

func names(specs []Spec) []string {
	var out []string
	for _, s := range specs {
		if !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}
