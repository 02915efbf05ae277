package siskin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/brokerwatch"
	"github.com/siskin-go/siskin/internal/deadletter"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/partitioner"
	"github.com/siskin-go/siskin/internal/reply"
	"github.com/siskin-go/siskin/internal/retry"
	"github.com/siskin-go/siskin/internal/route"
	"github.com/siskin-go/siskin/internal/serving"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/status"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Service is one member of a consumer group with its handlers. Register handlers
// first, then call Run once. Registration is not safe for concurrent use.
type Service struct {
	cfg        Config
	emit       events.Sink
	watch      *brokerwatch.Watch
	middleware []Middleware
	pending    []registration

	routes   route.Table[serving.Topic]
	producer *kgo.Client
	server   *serving.Server

	in      atomic.Pointer[intake.Intake]
	start   sync.Once
	joined  chan struct{} // closed when the first assignment's positions are known
	joinOne sync.Once
}

// NewService returns a service that has not yet touched the network. Its error
// names all wrong settings.
func NewService(cfg Config) (*Service, error) {
	err := cfg.Validate()
	if cfg.Group == "" {
		err = errors.Join(err, &ConfigError{Field: "Group", Value: "", Err: errors.New(
			"a service needs a consumer group; all instances with the same name share the work")})
	}
	if err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	cfg.Group += cfg.postfix(wire.ServerPostfix)
	s := &Service{cfg: cfg, joined: make(chan struct{})}
	s.emit = cfg.sink()
	s.watch = brokerwatch.New(cfg.Brokers, cfg.Security, s.emit)
	return s, nil
}

// Use puts middleware around all handlers of the service, outside that of
// scopes and handlers, in the order of the calls. A service with middleware can have
// no handler of OnBatch: give it to a Scope.
func (s *Service) Use(middleware ...Middleware) { s.middleware = append(s.middleware, middleware...) }

func (s *Service) register(reg registration) { s.pending = append(s.pending, reg) }

// Config returns the settings in force, with defaults filled in and the postfix
// added to Group.
func (s *Service) Config() Config { return s.cfg }

// Ready returns nil when the service has joined its consumer group and knows
// where to read, or the error of ctx. What is sent after that is seen, also by a
// group that starts at the end.
func (s *Service) Ready(ctx context.Context) error {
	select {
	case <-s.joined:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("siskin: the service has not joined its consumer group %q: %w", s.cfg.Group, ctx.Err())
	}
}

// Abort makes Run stop at once, also while it drains: handlers are cut off, what
// is done is committed if the broker answers, and what is not will be delivered
// again. It is for a second signal. Before Run it does nothing.
func (s *Service) Abort() {
	if in := s.in.Load(); in != nil {
		in.Abort()
	}
}

// Leave makes a Run that ends tell its consumer group that a service with an
// InstanceID will not come back, so that the others take its partitions at once
// and not after Config.Session. Call it before the context of Run ends. Without
// an InstanceID a service always leaves, and before Run it does nothing.
func (s *Service) Leave() {
	if in := s.in.Load(); in != nil {
		in.Leave()
	}
}

// CommitOffsets notes that the records of handlers with ManualCommit before the
// given offsets are done, and commits. As with kafkajs, each offset is the next
// one to read. It returns ErrUnfinished for an offset behind a record that is
// not finished and not manual, or that was never read, and ErrPartitionLost for
// a partition of another member; the others are committed all the same.
func (s *Service) CommitOffsets(ctx context.Context, next ...events.Position) error {
	var errs []error
	for _, at := range next {
		err := ErrPartitionLost
		if in := s.in.Load(); in != nil {
			err = in.CommitOffset(ctx, at.Topic, at.Partition, at.Offset)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("siskin: commit %s/%d@%d: %w", at.Topic, at.Partition, at.Offset, err))
		}
	}
	return errors.Join(errs...)
}

// Info returns the state of the service: its place in the group, and for each
// partition what is unfinished, how old the oldest record is, and what is
// committed. Safe for concurrent use.
func (s *Service) Info() status.Service {
	if in := s.in.Load(); in != nil {
		return in.Info()
	}
	return status.Service{Group: s.cfg.Group, InstanceID: s.cfg.InstanceID, State: status.Starting}
}

// Health says whether the service does its work, and if not, why. Safe for
// concurrent use.
func (s *Service) Health() status.Health { return status.Check(s.Info(), s.watch.Away()) }

// Run serves until ctx ends, then stops reading, lets running handlers finish
// within Config.Drain, commits and leaves the consumer group. It can be called
// once.
//
// It returns nil after an orderly end, at once an error that joins all mistakes
// made in registering handlers, ErrMissingTopics under the policy "verify",
// ErrFenced when another process has taken its InstanceID, ErrTopicsDiffer when it
// does not fit into a group with NestJS servers, and an error when handlers were
// cut off at the end of the drain. A broker that is away, at the start or later,
// ends nothing: Run goes on when it is back. One that refuses this program ends
// Run at the start, with ErrAuthentication or ErrAuthorization, and never later.
func (s *Service) Run(ctx context.Context) error {
	err := ErrRunning
	s.start.Do(func() { err = s.run(ctx) })
	if err != nil {
		return fmt.Errorf("siskin: service %q: %w", s.cfg.Group, err)
	}
	return nil
}

func (s *Service) run(ctx context.Context) error {
	if err := s.build(); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.producer.Close()
	if err := s.keeper().Ensure(ctx, s.needed()); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while waiting
		}
		return err
	}
	cfg := s.intakeConfig()
	if err := intake.Fits(ctx, kadm.NewClient(s.producer), cfg); err != nil {
		return err
	}
	in, err := intake.New(cfg)
	if err != nil {
		return err
	}
	s.in.Store(in)
	s.emit(events.ServiceStarted{Group: s.cfg.Group, Topics: s.routes.Topics()})
	drained, err := in.Run(ctx)
	s.emit(events.ServiceStopped{Group: s.cfg.Group, Drained: drained})
	if err != nil {
		return err
	}
	if !drained {
		return fmt.Errorf("handlers still ran after Config.Drain (%v); their records will be delivered again", s.cfg.Drain)
	}
	return nil
}

// build turns registrations into routes and returns all mistakes together.
func (s *Service) build() error {
	var errs []error
	for _, reg := range s.pending {
		errs = append(errs, s.bind(reg))
	}
	if len(s.pending) == 0 {
		errs = append(errs, errors.New("it has no handlers; register one with Handle or On before Run"))
	}
	return errors.Join(append(errs, s.routes.Check(unread))...)
}

// open makes the client that sends. It sends on connections of its own, so that
// a slow fetch or a rebalance holds up no reply.
func (s *Service) open() error {
	opts := slices.Concat(s.cfg.connection(wire.ServerPostfix, s.watch), s.cfg.producing(),
		[]kgo.Opt{
			kgo.RecordPartitioner(partitioner.New()),
			// The library would try for ever. A reply that is older than this
			// is of no use to anybody; a dead letter is tried again above it.
			// A client cannot have this limit: it counts from the record's
			// timestamp, which a caller can set.
			kgo.RecordDeliveryTimeout(s.patience()),
			// Replies have bounds of their own, also on bytes.
			kgo.MaxBufferedRecords(250_000),
		}, s.cfg.Kafka)
	producer, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("make the Kafka client: %w", err)
	}
	s.producer = producer
	s.server = serving.New(s.servingConfig())
	return nil
}

func (s *Service) servingConfig() serving.Config {
	return serving.Config{
		Find:    s.routes.Find,
		Group:   s.cfg.Group,
		Dialect: s.cfg.Dialect,
		Replies: reply.NewPublisher(s.producer, reply.Limits{Missing: replyPatience, Unstated: s.patience()}),
		Letters: deadletter.NewPublisher(s.producer, s.cfg.Group, func(ctx context.Context, t deadletter.Topics) error {
			return s.keeper().Ensure(ctx, []topics.Spec{s.letterSpec(t)})
		}),
		Allowed: reply.Policy{Allowed: s.cfg.ReplyTopics, Forbidden: s.routes.Topics()},
		Encode:  s.encode,
		Errors:  serving.Errors{Verdict: verdict, Fault: fault, Authored: authored, Late: late},
		Emit:    s.emit,
		Verbose: s.cfg.observed(slog.LevelDebug),
	}
}

// patience is how long a record is tried that has no deadline of its own. The
// Kafka client takes no less than a second.
func (s *Service) patience() time.Duration { return max(s.cfg.Timeout, time.Second) }

// replyPatience is how long a reply to a partition that cannot be found is tried
// again: long enough for the metadata of a new topic to reach every broker.
const replyPatience = 5 * time.Second

func (s *Service) keeper() topics.Keeper {
	return topics.Keeper{
		Admin: kadm.NewClient(s.producer), Policy: topics.Policy(s.cfg.Topics), Emit: s.emit, Refused: s.watch.Refused,
	}
}

// needed are the topics to read, the dead-letter topics of events, and retry topics. A
// request becomes a dead letter only where its handler says so; that topic is
// made when it is first needed.
func (s *Service) needed() []topics.Spec {
	var specs []topics.Spec
	for _, topic := range s.routes.Topics() {
		specs = append(specs, s.cfg.spec(topic, security.Read))
		if len(s.routes.Find(topic).Events) > 0 {
			specs = append(specs, s.letterSpec(deadletter.Topics{Letters: deadletter.Topic(topic), Source: topic}))
		}
		if t, ok := s.server.RetryTopic(topic); ok {
			specs = append(specs, s.retrySpec(topic, t.Name))
		}
	}
	return specs
}

func (s *Service) letterSpec(t deadletter.Topics) topics.Spec {
	spec := s.cfg.spec(t.Letters, security.Write)
	spec.Like, spec.Optional = t.Source, t.Optional
	return spec
}

// retrySpec is a retry topic. What waits there waits for a day at most, and must
// outlive a weekend without a service.
func (s *Service) retrySpec(source, name string) topics.Spec {
	spec := s.cfg.spec(name, security.Write)
	spec.Like, spec.Grow, spec.Retention = source, true, 7*24*time.Hour
	return spec
}

// retries is nil when no handler has a retry topic.
func (s *Service) retries() *intake.Retries {
	if !s.routes.Any(func(t *serving.Topic) bool { return t.Retry != nil }) {
		return nil
	}
	ensure := func(ctx context.Context, source string) error {
		t, _ := s.server.RetryTopic(source)
		return s.keeper().Ensure(ctx, []topics.Spec{s.retrySpec(source, t.Name)})
	}
	out := retry.NewPublisher(s.producer, ensure)
	return &intake.Retries{
		Topic: s.server.RetryTopic, Ensure: ensure,
		Store: func(ctx context.Context, copied *kgo.Record, of events.Position) error {
			return out.Store(ctx, copied, of.Topic, func(err error) {
				s.emit(events.PublishFailed{Position: of, To: copied.Topic, Err: err})
			})
		},
	}
}

func (s *Service) intakeConfig() intake.Config {
	from, _ := intake.ParseStart(s.cfg.StartFrom) // checked by Validate
	return intake.Config{
		Options:          slices.Concat(s.cfg.connection(wire.ServerPostfix, s.watch), s.cfg.Kafka),
		Group:            s.cfg.Group,
		Topics:           s.routes.Topics(),
		Patterns:         s.routes.Patterns(),
		Exclude:          unread,
		Serve:            s.server.Serve,
		Keep:             s.server.Keep,
		Lanes:            s.server.Lanes,
		Batches:          s.server.Batches,
		ServeBatch:       s.server.ServeBatch,
		Concurrency:      s.cfg.Concurrency,
		QueueLimit:       s.cfg.QueueLimit,
		UncommittedLimit: s.cfg.UncommittedLimit,
		QueueBytes:       s.cfg.QueueBytes,
		InstanceID:       s.cfg.InstanceID,
		NextGen:          s.cfg.Protocol == "consumer",
		NestJS:           s.cfg.Protocol == "nestjs",
		Refresh:          s.cfg.Refresh,
		StuckAfter:       s.cfg.StuckAfter,
		CommitInterval:   s.cfg.CommitInterval,
		Drain:            s.cfg.Drain,
		Session:          s.cfg.Session,
		Start:            from,
		Retries:          s.retries(),
		Joined:           func() { s.joinOne.Do(func() { close(s.joined) }) },
		Emit:             s.emit,
	}
}

// unread are the topics that no pattern means.
var unread = append([]string{"^__", wire.DeadLetterSuffix + "$", wire.RetrySuffix + "$"}, reply.Expressions()...)
