package siskin

import (
	"fmt"
	"strings"
	"time"

	"github.com/siskin-go/siskin/dialect"
	"github.com/siskin-go/siskin/internal/lane"
	"github.com/twmb/franz-go/pkg/kgo"
)

// HandlerOption is a setting of one handler, or of all handlers of a Scope. The
// set is closed: only this package makes options.
type HandlerOption interface {
	fmt.Stringer
	applyHandler(*handlerOptions)
}

// CallOption is a setting of one call or event. The set is closed.
type CallOption interface {
	fmt.Stringer
	applyCall(*callOptions)
}

// Option is a setting that a handler and a call both have.
type Option interface {
	HandlerOption
	CallOption
}

type handlerOptions struct {
	middleware []Middleware
	timeout    time.Duration
	dialect    dialect.Dialect
	order      lane.Order
	most       int
	manual     bool
	retry      *Retry
	batchSize  int
	batchWait  time.Duration
}

type callOptions struct {
	key       []byte
	headers   []Header
	partition int32
	timestamp time.Time
	timeout   time.Duration
}

func (c *Client) options(opts []CallOption) callOptions {
	o := callOptions{partition: dialect.NoPartition, timeout: c.cfg.Timeout}
	if len(opts) > 0 {
		o = o.with(opts)
	}
	return o
}

// with is apart because an option makes what it changes an allocation.
func (o callOptions) with(opts []CallOption) callOptions {
	for _, opt := range opts {
		opt.applyCall(&o)
	}
	return o
}

// record is an outgoing record with what the options say.
func (o *callOptions) record(topic string, value []byte) kgo.Record {
	return kgo.Record{
		Topic: topic, Partition: o.partition, Key: o.key, Value: value, Headers: o.headers, Timestamp: o.timestamp,
	}
}

// timeoutOption is the one setting that handlers and calls share.
type timeoutOption time.Duration

func (t timeoutOption) String() string { return "timeout=" + time.Duration(t).String() }

func (t timeoutOption) applyHandler(o *handlerOptions) {
	if t > 0 {
		o.timeout = time.Duration(t)
	}
}

func (t timeoutOption) applyCall(o *callOptions) {
	if t > 0 {
		o.timeout = time.Duration(t)
	}
}

// WithTimeout bounds one attempt of a handler, or one call. For a handler the
// default is no bound but the caller's deadline; for a call it is
// Config.Timeout. A duration that is not positive changes nothing.
func WithTimeout(d time.Duration) Option { return timeoutOption(d) }

type handlerOption struct {
	text  string
	apply func(*handlerOptions)
}

func (h handlerOption) String() string                 { return h.text }
func (h handlerOption) applyHandler(o *handlerOptions) { h.apply(o) }

// WithDialect makes a handler speak another dialect than Config.Dialect. Nil
// changes nothing. A client speaks one dialect; use a second client for another.
func WithDialect(d dialect.Dialect) HandlerOption {
	if d == nil {
		return handlerOption{text: "dialect=default", apply: func(*handlerOptions) {}}
	}
	return handlerOption{text: "dialect=" + d.Name(), apply: func(o *handlerOptions) { o.dialect = d }}
}

// WithMiddleware puts middleware around a handler, inside that of its service
// and scopes. A handler of OnBatch can have none.
func WithMiddleware(middleware ...Middleware) HandlerOption {
	return handlerOption{
		text:  fmt.Sprintf("middleware=%d", len(middleware)),
		apply: func(o *handlerOptions) { o.middleware = append(o.middleware, middleware...) },
	}
}

// Ordered makes the records of each partition run one after the other, as NestJS
// does. Without it, records with one key do, and others run at once.
func Ordered() HandlerOption {
	return handlerOption{text: "ordered", apply: func(o *handlerOptions) { o.order = lane.Whole }}
}

// Unordered makes all records run at once, also those with one key. When a topic
// has several handlers, the strictest of them counts.
func Unordered() HandlerOption {
	return handlerOption{text: "unordered", apply: func(o *handlerOptions) { o.order = lane.Nothing }}
}

// WithConcurrency bounds how many records of the handler's topic, or batches of
// OnBatch, run at once in this service; it is never exceeded. A number below 1 changes nothing. Default:
// Config.Concurrency, which all handlers share.
func WithConcurrency(n int) HandlerOption {
	return handlerOption{text: fmt.Sprintf("concurrency=%d", n), apply: func(o *handlerOptions) {
		if n > 0 {
			o.most = n
		}
	}}
}

// ManualCommit leaves it to the handler to say when a record is done; see
// Delivery.Commit and Service.CommitOffsets. A record whose handler fails for
// good is done without that. A record that is never committed holds up the
// commits behind it, and after Config.UncommittedLimit records its partition.
func ManualCommit() HandlerOption {
	return handlerOption{text: "manual-commit", apply: func(o *handlerOptions) { o.manual = true }}
}

// BatchSize is how many records a batch of OnBatch has at most. A number below 1
// changes nothing; one above Config.QueueLimit is refused. Default: 100, or the
// QueueLimit when that is less. Large records can fill Config.QueueBytes before; then
// the batch begins at once.
func BatchSize(n int) HandlerOption {
	return handlerOption{text: fmt.Sprintf("batch-size=%d", n), apply: func(o *handlerOptions) {
		if n > 0 {
			o.batchSize = n
		}
	}}
}

// BatchWait is how long a record waits for others before a batch of OnBatch begins
// that is not full, if nothing holds its key. A duration that is not positive changes
// nothing; one that is not below Config.StuckAfter is refused. Default: 200
// milliseconds, or half of StuckAfter when that is less.
func BatchWait(d time.Duration) HandlerOption {
	return handlerOption{text: "batch-wait=" + d.String(), apply: func(o *handlerOptions) {
		if d > 0 {
			o.batchWait = d
		}
	}}
}

type callOption struct {
	text  string
	apply func(*callOptions)
}

func (c callOption) String() string           { return c.text }
func (c callOption) applyCall(o *callOptions) { c.apply(o) }

// WithKey sets the record's key. Records with one key go to one partition, by
// Kafka's own hash, and stay in order there. Default: no key.
func WithKey[K string | []byte](key K) CallOption {
	b := append(make([]byte, 0, len(key)), key...)
	return callOption{text: fmt.Sprintf("key=%q", b), apply: func(o *callOptions) { o.key = b }}
}

// WithHeader adds a header behind those already there; a name may repeat. The
// names kafka_* and siskin-* are Siskin's own and are ignored here.
func WithHeader(name, value string) CallOption {
	return callOption{text: fmt.Sprintf("header=%s", name), apply: func(o *callOptions) {
		if !reserved(name) {
			o.headers = append(o.headers, Header{Key: name, Value: []byte(value)})
		}
	}}
}

// reserved keeps a caller from writing, by accident or from a stranger's input,
// a header that decides where replies go.
func reserved(name string) bool {
	return strings.HasPrefix(name, "kafka_") || strings.HasPrefix(name, "siskin-")
}

// WithPartition sends the record to this partition. A negative number leaves the
// choice to the key, as without the option.
func WithPartition(partition int32) CallOption {
	return callOption{text: fmt.Sprintf("partition=%d", partition), apply: func(o *callOptions) {
		o.partition = max(partition, dialect.NoPartition)
	}}
}

// WithTimestamp sets the record's timestamp. Default: now. A request with a
// timestamp in the past looks to its server as if it had waited since then.
func WithTimestamp(t time.Time) CallOption {
	return callOption{text: "timestamp=" + t.Format(time.RFC3339), apply: func(o *callOptions) { o.timestamp = t }}
}
