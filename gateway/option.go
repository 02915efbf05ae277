package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/siskin-go/siskin"
)

// Option is a setting of one handler. The set is closed: only this package makes
// options.
type Option interface {
	fmt.Stringer
	apply(*settings)
}

type settings struct {
	status       int
	maxBody      int64
	writeTimeout time.Duration
	key          func(*http.Request) string
	calls        []siskin.CallOption
	answer       func(siskin.RecordMetadata) any
	errors       func(error) error
	logger       *slog.Logger
}

func newSettings(opts []Option) *settings {
	set := &settings{
		status:       http.StatusOK,
		maxBody:      1 << 20,
		writeTimeout: 10 * time.Second,
		calls:        []siskin.CallOption{siskin.WithTimeout(10 * time.Second)},
		answer:       metadata,
	}
	for _, opt := range opts {
		opt.apply(set)
	}
	return set
}

func (s *settings) log() *slog.Logger {
	if s.logger != nil {
		return s.logger
	}
	return slog.Default()
}

type option struct {
	text string
	set  func(*settings)
}

func (o option) String() string    { return o.text }
func (o option) apply(s *settings) { o.set(s) }

// WithStatus sets the status of a good answer. Default: 200. With 204 and 205
// the answer has no body. A number outside 200 to 299 changes nothing. A stream
// is always 200.
func WithStatus(status int) Option {
	return option{fmt.Sprintf("status=%d", status), func(s *settings) {
		if status >= 200 && status <= 299 {
			s.status = status
		}
	}}
}

// WithMaxBody sets the most bytes that a request body may have. Default: 1 MiB.
// The broker has a limit of its own; see siskin.Config.MaxRecordBytes. A number
// that is not positive changes nothing.
func WithMaxBody(bytes int64) Option {
	return option{fmt.Sprintf("max_body=%d", bytes), func(s *settings) {
		if bytes > 0 {
			s.maxBody = bytes
		}
	}}
}

// WithWriteTimeout sets how long the caller may take to accept one answer, or
// one value of a stream, before it is cut. Default: 10 seconds. A duration that
// is not positive changes nothing.
func WithWriteTimeout(d time.Duration) Option {
	return option{fmt.Sprintf("write_timeout=%v", d), func(s *settings) {
		if d > 0 {
			s.writeTimeout = d
		}
	}}
}

// WithKey sets the key of the record. It is asked for each request, after the
// body has been read. An empty key is none. Nil changes nothing.
func WithKey(key func(*http.Request) string) Option {
	return option{"key=func", func(s *settings) {
		if key != nil {
			s.key = key
		}
	}}
}

// WithCallOptions sets options of the call or event. They win over WithKey and
// over the trace context of the request. Given twice, both count.
func WithCallOptions(opts ...siskin.CallOption) Option {
	return option{fmt.Sprintf("call=%v", opts), func(s *settings) { s.calls = append(s.calls, opts...) }}
}

// WithAnswer sets what an event is answered with, as JSON; see NestMetadata.
// Default: topic, partition, offset and timestamp. It changes nothing for calls
// and streams. Nil changes nothing.
func WithAnswer(answer func(siskin.RecordMetadata) any) Option {
	return option{"answer=func", func(s *settings) {
		if answer != nil {
			s.answer = answer
		}
	}}
}

// WithErrors lets a function replace the error of a call, or one that a function
// of the user has returned, before it is answered; what is wrong with the body is
// told without it. A *siskin.Error that it makes is shown to the caller, so the
// error of a NestJS service, which has no code, can get one:
//
//	gateway.WithErrors(func(err error) error {
//		if e, ok := errors.AsType[*siskin.Error](err); ok && e.Code == siskin.CodeUnknown {
//			return siskin.Errorf(siskin.CodeConflict, "%s", e.Message)
//		}
//		return err
//	})
//
// When it returns nil, the error stays as it was.
func WithErrors(replace func(error) error) Option {
	return option{"errors=func", func(s *settings) { s.errors = replace }}
}

// WithLogger sets where errors go whose text the caller does not see. Default:
// slog.Default().
func WithLogger(logger *slog.Logger) Option {
	return option{"logger", func(s *settings) { s.logger = logger }}
}
