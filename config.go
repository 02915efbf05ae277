package siskin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/siskin-go/siskin/codec"
	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/dialect/nestjs"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/address"
	"github.com/siskin-go/siskin/internal/brokerwatch"
	"github.com/siskin-go/siskin/internal/intake"
	"github.com/siskin-go/siskin/internal/topics"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is the settings of one service or one client. The zero value of a
// field means its default. A negative number is refused unless its comment
// gives it a meaning. Fields with a `koanf` tag can be loaded from a file or the
// environment with package config.
//
// A Config is copied by NewService and NewClient; later changes have no effect.
type Config struct {
	// Brokers are the addresses, as host:port, at which the cluster is first
	// asked. One that answers is enough. Default: 127.0.0.1:9092.
	Brokers []string `koanf:"brokers"`

	// ClientID names this program to the brokers, for their logs and quotas.
	// The postfix is added to it, as NestJS does. Default: "siskin".
	ClientID string `koanf:"client_id"`

	// Group is the consumer group of a service. All instances with the same
	// group share the work. The postfix is added to it, as NestJS does.
	// Required for a service with handlers; a client has none.
	Group string `koanf:"group"`

	// Postfix is added to ClientID and Group. Default: "-server" for a service
	// and "-client" for a client, as in NestJS. "none" adds nothing.
	Postfix string `koanf:"postfix"`

	// Topics is what to do about a topic that does not exist: "create" makes
	// it, "verify" ends Run with one error that names all missing topics,
	// "wait" goes on when somebody has made it. Default: "create" when all
	// Brokers are loopback addresses, else "verify".
	Topics string `koanf:"topics"`

	// Partitions is how many partitions a created topic gets. Default: 1.
	Partitions int `koanf:"partitions"`

	// Replication is the replication factor of a created topic. Default: the
	// broker's.
	Replication int `koanf:"replication"`

	// ReplyRetention is how long a created reply topic keeps its records.
	// Default: 10 minutes. At least 1 minute.
	ReplyRetention time.Duration `koanf:"reply_retention"`

	// ReplyTopic makes a client receive the replies of all patterns on this
	// one topic. Default: one topic for each pattern, named by the dialect
	// (NestJS: the pattern and ".reply").
	ReplyTopic string `koanf:"reply_topic"`

	// ReplyTopics are topics to which a service may send replies although
	// their names do not end in .reply, -reply, .replies or -replies. A
	// request names its reply topic, so without this rule anybody who may
	// write a request could make the service write anywhere.
	ReplyTopics []string `koanf:"reply_topics"`

	// Timeout is how long a call waits for its reply, and an emitted event for
	// the broker, when the context ends no sooner and WithTimeout says nothing
	// else. Every call has a deadline, so it cannot be negative. Default: 30
	// seconds. At most 24 hours.
	Timeout time.Duration `koanf:"timeout"`

	// StreamIdle is how long a stream may be silent between two replies.
	// Default: 30 seconds.
	StreamIdle time.Duration `koanf:"stream_idle"`

	// StreamBuffer is how many replies of a stream wait for their reader, and up
	// to 16 MiB of them. A reader that is further behind fails its own call.
	// Default: 256. At most 65,536.
	StreamBuffer int `koanf:"stream_buffer"`

	// MaxPending is how many calls of a client may wait for replies at a time;
	// one more fails with ErrOverloaded. Default: 10,000.
	MaxPending int `koanf:"max_pending"`

	// Concurrency is how many handlers of a service run at a time. A partition
	// that has none running always gets one. Default: 1,000.
	Concurrency int `koanf:"concurrency"`

	// QueueLimit is how many fetched records of one partition may wait for their
	// handlers, or be in them, before no more are fetched. One fetch comes on top.
	// Less than a fetch brings lets fast handlers wait for the next one. Default: 10,000.
	QueueLimit int `koanf:"queue_limit"`

	// UncommittedLimit is how many records there may be from the oldest
	// unfinished one of a partition to the newest fetched, before no more are
	// fetched. It bounds what is done again after a crash. Default: 10,000.
	UncommittedLimit int `koanf:"uncommitted_limit"`

	// QueueBytes is how many bytes the unfinished records of one partition may
	// hold before no more are fetched; one fetch, about a megabyte, comes on top.
	// Default: 16 MiB. At most 1 GiB.
	QueueBytes int `koanf:"queue_bytes"`

	// StuckAfter is how long one record may hold up the commits of its partition
	// before that is told, and Service.Health is no longer good. Default: 1
	// minute.
	StuckAfter time.Duration `koanf:"stuck_after"`

	// RetryAttempts is how often an event handler runs for one record, the
	// first time included, before the record becomes a dead letter. Default:
	// 5. 1 means no retry. A request is tried once, unless its handler
	// returns RetryAfter.
	RetryAttempts int `koanf:"retry_attempts"`

	// RetryInitial is the delay before the second attempt; it doubles before
	// each further one. Default: 200 milliseconds.
	RetryInitial time.Duration `koanf:"retry_initial"`

	// RetryLongest bounds the delay between two attempts. Default: 10 seconds.
	RetryLongest time.Duration `koanf:"retry_longest"`

	// StartFrom is where a consumer group reads a partition for the first
	// time: "end", "beginning", or a time in RFC 3339. Default: "end", as in
	// NestJS. A partition that is added while the service runs starts at its
	// beginning.
	StartFrom string `koanf:"start_from"`

	// Session is how long a member of the consumer group may be silent before
	// the others take its partitions. Heartbeats go on while handlers run.
	// Default: 6 seconds, which is also the least that a broker accepts by
	// default.
	Session time.Duration `koanf:"session"`

	// InstanceID makes a service a static member of its consumer group: when the
	// process ends and another starts with the same id, that one takes its
	// partitions at once, also after a crash. When it stops for good, the others
	// wait for Session, unless it calls Service.Leave. Two running processes must
	// not share an id: the older one ends with ErrFenced. Default: none.
	InstanceID string `koanf:"instance_id"`

	// Protocol is how a consumer group shares its partitions: "classic", where
	// the members do it, "nestjs", where NestJS servers can be members too, or
	// "consumer" (KIP-848), where the broker does it and also sets the session
	// timeout; a broker that does not know that one gets "classic". With "nestjs"
	// all partitions rest at each change of the group until every member has
	// finished what runs, and all members must read the same topics. Change to
	// "classic", one instance after the other, when the last NestJS server has
	// left for good. Default: "classic", because a static member that crashed
	// comes back faster with it than with "consumer".
	Protocol string `koanf:"protocol"`

	// Refresh is how often a service looks for new partitions and, for handlers
	// of patterns, new topics. Default: 10 seconds.
	Refresh time.Duration `koanf:"refresh"`

	// CommitInterval is the least time between two commits. After a crash, what
	// was done since the last one is done again, and what was done behind an
	// unfinished record. Nobody can commit while the group waits for a member
	// that has died. Default: 100 milliseconds.
	CommitInterval time.Duration `koanf:"commit_interval"`

	// Drain is how long running handlers may take to finish when the service
	// stops or loses partitions. Default: 20 seconds. At most 50 seconds with
	// Protocol "nestjs": NestJS servers wait for as long, and give up after 65.
	Drain time.Duration `koanf:"drain"`

	// MaxRecordBytes is the largest record that is sent; the broker's own
	// limit (message.max.bytes) should not be less. Default: 1,000,012, which
	// is the broker's default.
	MaxRecordBytes int `koanf:"max_record_bytes"`

	// Compression of what is sent: "none" or "gzip". Other codecs stop a
	// NestJS consumer for good, because kafkajs cannot read them. Default:
	// "none".
	Compression string `koanf:"compression"`

	// Security is how this program and the brokers prove who they are: TLS,
	// client certificates, SASL. Default: plain text, without a user.
	Security security.Settings `koanf:"security"`

	// Codec encodes and decodes values. Default: codec.JSON.
	Codec codec.Codec `koanf:"-"`

	// Dialect is how requests, replies and errors look on the wire. Default:
	// NestJS's.
	Dialect dialect.Dialect `koanf:"-"`

	// Logger receives what happens, one line an event of package events.
	// Default: slog.Default().
	Logger *slog.Logger `koanf:"-"`

	// Observe also receives each event, also those below the logger's level.
	// It must be quick and safe for concurrent use. Default: nobody.
	Observe events.Sink `koanf:"-"`

	// Kafka are further options for the Kafka client. They come last and win, so they can also break what Siskin sets up.
	Kafka []kgo.Opt `koanf:"-"`
}

// String prints the settings as a program can read them, one "name=value" a
// setting that differs from its zero value. It leaves out what cannot be
// printed, such as Kafka, which may hold passwords.
func (c Config) String() string {
	var parts []string
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("koanf")
		if name == "-" || v.Field(i).IsZero() {
			continue
		}
		text := fmt.Sprint(v.Field(i).Interface())
		if list, ok := v.Field(i).Interface().([]string); ok {
			text = strings.Join(list, ",")
		}
		if strings.ContainsAny(text, " \t\"") {
			text = strconv.Quote(text)
		}
		parts = append(parts, name+"="+text)
	}
	return strings.Join(parts, " ")
}

// WithDefaults returns the settings with each default filled in, as a service
// or a client uses them.
func (c Config) WithDefaults() Config {
	if len(c.Brokers) == 0 {
		c.Brokers = []string{"127.0.0.1:9092"}
	}
	set(&c.ClientID, "siskin")
	set(&c.Topics, string(topics.Default(c.Brokers)))
	set(&c.Partitions, 1)
	set(&c.Replication, -1)
	set(&c.ReplyRetention, 10*time.Minute)
	set(&c.Timeout, 30*time.Second)
	set(&c.StreamIdle, 30*time.Second)
	set(&c.StreamBuffer, 256)
	set(&c.MaxPending, 10_000)
	set(&c.Concurrency, 1_000)
	set(&c.QueueLimit, 10_000)
	set(&c.UncommittedLimit, 10_000)
	set(&c.QueueBytes, 16<<20)
	set(&c.StuckAfter, time.Minute)
	set(&c.RetryAttempts, 5)
	set(&c.RetryInitial, 200*time.Millisecond)
	set(&c.RetryLongest, 10*time.Second)
	set(&c.StartFrom, "end")
	set(&c.Session, 6*time.Second)
	set(&c.Protocol, "classic")
	set(&c.Refresh, 10*time.Second)
	set(&c.CommitInterval, 100*time.Millisecond)
	set(&c.Drain, 20*time.Second)
	set(&c.MaxRecordBytes, 1_000_012)
	set(&c.Compression, "none")
	if c.Codec == nil {
		c.Codec = codec.JSON
	}
	if c.Dialect == nil {
		c.Dialect = nestjs.Dialect{}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns all that is wrong with the settings, joined, each as a
// *ConfigError, or nil. NewService and NewClient call it.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var errs []error
	bad := func(field string, value any, format string, args ...any) {
		errs = append(errs, &ConfigError{Field: field, Value: value, Err: fmt.Errorf(format, args...)})
	}
	for _, b := range c.Brokers {
		if err := address.Check(b); err != nil {
			bad("Brokers", b, "%w", err)
		}
	}
	c.Security.Validate(c.Brokers, bad)
	c.validateNames(bad)
	c.validateNumbers(bad)
	if _, err := intake.ParseStart(c.StartFrom); err != nil {
		bad("StartFrom", c.StartFrom, "%w", err)
	}
	switch topics.Policy(c.Topics) {
	case topics.Create, topics.Verify, topics.Wait:
	default:
		bad("Topics", c.Topics, `want "create", "verify" or "wait"`)
	}
	switch c.Protocol {
	case "classic", "nestjs", "consumer":
	default:
		bad("Protocol", c.Protocol, `want "classic", "nestjs" or "consumer"`)
	}
	if c.Compression != "none" && c.Compression != "gzip" {
		bad("Compression", c.Compression, `want "none" or "gzip": other codecs stop a NestJS consumer for good`)
	}
	return errors.Join(errs...)
}

func (c Config) validateNames(bad func(string, any, string, ...any)) {
	for _, f := range []struct{ field, name string }{
		{"ClientID", c.ClientID}, {"Group", c.Group}, {"Postfix", c.Postfix},
	} {
		if strings.ContainsFunc(f.name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			bad(f.field, f.name, "it contains a control character")
		}
	}
	if c.InstanceID != "" {
		if err := wire.CheckTopic(c.InstanceID); err != nil { // Kafka has one rule for both
			bad("InstanceID", c.InstanceID, "%w", err)
		}
	}
	if c.ReplyTopic != "" {
		if err := wire.CheckTopic(c.ReplyTopic); err != nil {
			bad("ReplyTopic", c.ReplyTopic, "%w", err)
		}
	}
	for _, t := range c.ReplyTopics {
		if err := wire.CheckTopic(t); err != nil {
			bad("ReplyTopics", t, "%w", err)
		}
	}
}

func (c Config) validateNumbers(bad func(string, any, string, ...any)) {
	type bound struct {
		field            string
		value, low, high int64
	}
	for _, b := range []bound{
		{"Partitions", int64(c.Partitions), 1, 100_000},
		{"StreamBuffer", int64(c.StreamBuffer), 1, 65_536},
		{"MaxPending", int64(c.MaxPending), 1, 10_000_000},
		{"Concurrency", int64(c.Concurrency), 1, 1_000_000},
		{"QueueLimit", int64(c.QueueLimit), 1, 10_000_000},
		{"UncommittedLimit", int64(c.UncommittedLimit), int64(c.QueueLimit), 100_000_000},
		{"QueueBytes", int64(c.QueueBytes), 1_024, 1 << 30},
		{"RetryAttempts", int64(c.RetryAttempts), 1, 1_000},
		{"MaxRecordBytes", int64(c.MaxRecordBytes), 1_024, 1 << 30},
	} {
		if b.value < b.low || b.value > b.high {
			bad(b.field, b.value, "want %d to %d", b.low, b.high)
		}
	}
	if c.Protocol == "nestjs" && c.Drain > 50*time.Second {
		bad("Drain", c.Drain, `want at most 50s with Protocol "nestjs": NestJS servers wait no longer for a member`)
	}
	if c.Replication != -1 && (c.Replication < 1 || c.Replication > math.MaxInt16) {
		bad("Replication", c.Replication, "want 1 to %d, or 0 for the broker's default", math.MaxInt16)
	}
	type span struct {
		field            string
		value, low, high time.Duration
	}
	const day = 24 * time.Hour
	for _, s := range []span{
		{"ReplyRetention", c.ReplyRetention, time.Minute, 365 * day},
		{"Timeout", c.Timeout, time.Millisecond, day},
		{"StreamIdle", c.StreamIdle, time.Millisecond, day},
		{"RetryInitial", c.RetryInitial, time.Millisecond, day},
		{"RetryLongest", c.RetryLongest, time.Millisecond, day},
		{"Session", c.Session, time.Second, time.Hour},
		{"StuckAfter", c.StuckAfter, 10 * time.Millisecond, day},
		{"Refresh", c.Refresh, 100 * time.Millisecond, day},
		{"CommitInterval", c.CommitInterval, time.Millisecond, time.Minute},
		{"Drain", c.Drain, time.Millisecond, time.Hour},
	} {
		if s.value < s.low || s.value > s.high {
			bad(s.field, s.value, "want %v to %v", s.low, s.high)
		}
	}
}

func (c Config) postfix(fallback string) string {
	switch c.Postfix {
	case "":
		return fallback
	case "none":
		return ""
	}
	return c.Postfix
}

// sink hands events to the logger and to Observe.
func (c Config) sink() events.Sink {
	log := events.Log(c.Logger)
	if c.Observe == nil {
		return log
	}
	return func(e events.Event) {
		log(e)
		c.Observe(e)
	}
}

// observed reports whether somebody sees events of the level. Events that come
// with every record are not even made otherwise.
func (c Config) observed(level slog.Level) bool {
	return c.Observe != nil || c.Logger.Enabled(context.Background(), level)
}

// spec is a topic as this configuration would create it.
func (c Config) spec(topic string, use security.Operation) topics.Spec {
	return topics.Spec{Name: topic, For: use, Partitions: int32(c.Partitions), Replication: int16(c.Replication)}
}

func (c Config) replySpec(topic string) topics.Spec {
	s := c.spec(topic, security.Read)
	s.Retention = c.ReplyRetention
	return s
}

// connection is the options that every Kafka client of this configuration has.
// The caller's own options go behind all others.
func (c Config) connection(postfix string, watch *brokerwatch.Watch) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID + c.postfix(postfix)),
		kgo.WithHooks(watch),
		kgo.DisableClientMetrics(),
		// The library waits up to five seconds between attempts; a broker that
		// restarts is back sooner, and one attempt a second costs nothing.
		kgo.RetryBackoffFn(backoff),
		// Also how long the library believes that a topic does not exist. The
		// Java client asks as often.
		kgo.MetadataMinAge(100 * time.Millisecond),
	}, c.Security.Options()...)
}

func backoff(failures int) time.Duration {
	const longest = time.Second
	d := 50 * time.Millisecond << min(max(failures-1, 0), 5)
	return min(d, longest)
}

// producing is the options of a Kafka client that sends.
func (c Config) producing() []kgo.Opt {
	codec := kgo.NoCompression() // the library's default, snappy, stops a NestJS consumer for good
	if c.Compression == "gzip" {
		codec = kgo.GzipCompression()
	}
	return []kgo.Opt{
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(int32(c.MaxRecordBytes)),
		// No linger: records that arrive while a request is under way share
		// the next one, so batches form under load and a lone record waits
		// for nobody.
		kgo.ProducerLinger(0),
	}
}
