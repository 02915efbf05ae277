package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	errX = errors.New("x went wrong")
	at   = events.Position{Topic: "orders", Partition: 3, Offset: 7}
)

// place is how an event says where its record is.
const place = ` topic=orders partition=3 offset=7`

// every is each type of event, with the line that is logged for it.
var every = []struct {
	event events.Event
	line  string
}{
	{
		events.BrokerAway{Brokers: []string{"a:1", "b:2"}, Err: errX},
		`level=ERROR msg="no Kafka broker answers; is it running, and is the address right? trying again until it does"` +
			` brokers="[a:1 b:2]" error="x went wrong"`,
	},
	{
		events.BrokerRefused{Broker: "a:1", Err: errX},
		`level=ERROR msg="the Kafka broker and this program do not accept each other; see Config.Security"` +
			` broker=a:1 error="x went wrong"`,
	},
	{
		events.BrokerBack{Broker: "a:1", After: 3 * time.Second},
		`level=INFO msg="the Kafka broker answers again" broker=a:1 after=3s`,
	},
	{
		events.TopicsMissing{Topics: []string{"sum", "max"}, Policy: "wait"},
		`level=WARN msg="topics do not exist; create them, or set Config.Topics to \"create\"; waiting for them"` +
			` topics="[sum max]" policy=wait`,
	},
	{
		events.TopicsFailed{Topics: []string{"sum", "max"}, Err: errX},
		`level=WARN msg="the broker cannot make sure of topics; trying again" topics="[sum max]" error="x went wrong"`,
	},
	{events.TopicsCreated{Topics: []string{"sum"}}, `level=INFO msg="created topics" topics=[sum]`},
	{
		events.FetchFailed{Topic: "orders", Partition: 3, Err: errX},
		`level=WARN msg="a partition cannot be read; trying again" topic=orders partition=3 error="x went wrong"`,
	},
	{
		events.RetriesInPlace{Topic: "orders", Partition: 7, RetryTopic: "orders-shop-retry", Err: errX},
		`level=WARN msg="the retry topic lacks this partition, records are retried in place; add partitions to it"` +
			` topic=orders partition=7 retry_topic=orders-shop-retry error="x went wrong"`,
	},
	{
		events.RecordsSkipped{Position: at, Next: 9, Bytes: 300, Err: errX},
		`level=ERROR msg="records cannot be read and were skipped; which program wrote them?"` + place +
			` next=9 bytes=300 error="x went wrong"`,
	},
	{
		events.RecordsSkipped{
			Position: at, Next: 9, Bytes: 300, Err: errX, Stored: events.Position{Topic: "orders-dlt", Partition: 3, Offset: 4},
		},
		`level=ERROR msg="records cannot be read and were skipped; which program wrote them?"` + place +
			` next=9 bytes=300 error="x went wrong" stored=orders-dlt/3@4`,
	},
	{
		events.RouteOpened{ReplyTopic: "sum.reply", Partition: 3, Offset: 7},
		`level=DEBUG msg="reply route opened" reply_topic=sum.reply partition=3 offset=7`,
	},
	{
		events.RouteLeft{ReplyTopic: "sum.reply", Partition: 3, Reason: "gone", Failed: 2},
		`level=WARN msg="reply route left" reply_topic=sum.reply partition=3 reason=gone failed=2`,
	},
	{
		events.ServiceStarted{Group: "shop", Topics: []string{"sum"}},
		`level=INFO msg="service started" group=shop topics=[sum]`,
	},
	{events.ServiceStopped{Group: "shop", Drained: true}, `level=INFO msg="service stopped" group=shop`},
	{
		events.ServiceStopped{Group: "shop"},
		`level=WARN msg="service stopped before its handlers were done; their records will be delivered again" group=shop`,
	},
	{
		events.PartitionsAssigned{Group: "shop", Partitions: map[string][]int32{"sum": {0, 1}}},
		`level=INFO msg="partitions assigned" group=shop partitions="map[sum:[0 1]]"`,
	},
	{
		events.PartitionsRevoked{Group: "shop", Partitions: map[string][]int32{"sum": {0, 1}}},
		`level=INFO msg="partitions revoked" group=shop partitions="map[sum:[0 1]]"`,
	},
	{
		events.PartitionsRevoked{Group: "shop", Partitions: map[string][]int32{"sum": {0}}, Lost: true},
		`level=WARN msg="partitions lost; was this member silent for longer than its session timeout?"` +
			` group=shop partitions=map[sum:[0]]`,
	},
	{
		events.GroupFailed{Group: "shop", Err: errX},
		`level=ERROR msg="the consumer group cannot be joined; has this client the right to, and is Config.Session` +
			` within the broker's bounds? trying again" group=shop error="x went wrong"`,
	},
	{
		events.GroupFailed{Group: "shop", Err: fmt.Errorf("join: %w", kerr.InconsistentGroupProtocol)},
		`level=ERROR msg="the consumer group cannot be joined: its members share partitions in a way that this one does not` +
			` offer; is a NestJS server in it? then set Config.Protocol to \"nestjs\"; trying again" group=shop error="join: ` +
			kerr.InconsistentGroupProtocol.Error() + `"`,
	},
	{
		events.TopicsDiffer{Group: "shop", Members: []events.MemberTopics{
			{Member: "nest-1", Also: []string{"max", "min"}, Not: []string{"sum"}}, {Member: "nest-2", Not: []string{"sum"}},
		}},
		`level=WARN msg="members of the consumer group read different topics, some of which nobody reads while a NestJS server` +
			` leads the group; give all members the same topics, or this service a group of its own" group=shop` +
			` members="nest-1 reads also max, min and does not read sum; nest-2 does not read sum" unread=[]`,
	},
	{
		events.TopicsDiffer{Group: "shop", Unread: []string{"sum"}},
		`level=ERROR msg="nobody reads topics of this service: the NestJS server that leads the consumer group shares out its` +
			` own topics only; give this service a group of its own for them, or all members the same topics" group=shop` +
			` members="" unread=[sum]`,
	},
	{
		events.CommitFailed{Group: "shop", Err: errX},
		`level=WARN msg="offsets not committed; trying again" group=shop error="x went wrong"`,
	},
	{
		events.Handled{Position: at, Kind: "request", Outcome: "replied", Attempts: 1, Took: time.Millisecond},
		`level=DEBUG msg="record replied"` + place + ` kind=request attempts=1 after=1ms`,
	},
	{
		events.Handled{Position: at, Kind: "event", Outcome: "dead-lettered", Attempts: 5, Took: time.Second, Err: errX},
		`level=WARN msg="record dead-lettered"` + place + ` kind=event attempts=5 after=1s error="x went wrong"`,
	},
	{
		events.Handled{Position: at, Kind: "request", Outcome: "expired"},
		`level=WARN msg="record expired"` + place + ` kind=request attempts=0 after=0s`,
	},
	{
		events.Handled{Position: at, Kind: "none", Outcome: "dropped"},
		`level=WARN msg="no handler for a record of this topic"` + place + ` kind=none attempts=0 after=0s`,
	},
	{
		events.HandlerFailed{Position: at, Attempt: 2, Err: errX, Next: "retry"},
		`level=ERROR msg="handler failed"` + place + ` attempt=2 next=retry error="x went wrong"`,
	},
	{
		events.HandlerFailed{Position: at, Attempt: 1, Err: errX, Next: "reply", Stack: "main.go:7"},
		`level=ERROR msg="handler panicked"` + place + ` attempt=1 next=reply error="x went wrong" stack=main.go:7`,
	},
	{
		events.ReplyLost{Position: at, ReplyTopic: "sum.reply", ReplyPartition: 2, Err: errX},
		`level=WARN msg="a reply could not be delivered; its caller will time out"` + place +
			` reply_topic=sum.reply reply_partition=2 error="x went wrong"`,
	},
	{
		events.PublishFailed{Position: at, To: "orders-dlt", Err: errX},
		`level=ERROR msg="dead letter not stored; trying again"` + place + ` to=orders-dlt error="x went wrong"`,
	},
	{
		events.OffsetsLost{Position: at, Group: "shop", Nearest: 9},
		`level=ERROR msg="the committed offset is no longer in the log; was the group away for longer than the topic's` +
			` retention?"` + place + ` group=shop nearest=9`,
	},
	{
		events.RecordStuck{Position: at, Age: time.Minute, Unfinished: 3},
		`level=WARN msg="a record holds up the commits of its partition; does its handler block, or wait for a commit?"` +
			place + ` age=1m0s unfinished=3 paused=false`,
	},
	{
		events.RecordStuck{Position: at, Age: time.Minute, Unfinished: 3, Paused: true},
		`level=ERROR msg="a record holds up the commits of its partition; does its handler block, or wait for a commit?"` +
			place + ` age=1m0s unfinished=3 paused=true`,
	},
}

// logger writes lines without their time.
func logger(w *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func TestLog(t *testing.T) {
	t.Parallel()
	for _, tt := range every {
		var b bytes.Buffer
		events.Log(logger(&b, slog.LevelDebug))(tt.event)
		if got := strings.TrimSuffix(b.String(), "\n"); got != tt.line {
			t.Errorf("%T is logged as\n%s\nwant\n%s", tt.event, got, tt.line)
		}
	}
}

func TestLogKeepsToTheLevelOfItsLogger(t *testing.T) {
	t.Parallel()
	for _, tt := range every {
		var b bytes.Buffer
		events.Log(logger(&b, slog.LevelWarn))(tt.event)
		if logged := b.Len() > 0; logged != (tt.event.Level() >= slog.LevelWarn) {
			t.Errorf("%T of level %v is logged at level Warn: %v", tt.event, tt.event.Level(), logged)
		}
	}
}

// lazy fails the test when it is asked for what it holds.
type lazy struct {
	events.Event
	t *testing.T
}

func (l lazy) Attrs() []slog.Attr {
	l.t.Error("the details of an event were made although nobody logs it")
	return nil
}

// There is one event a record, so what nobody reads must cost nothing.
func TestLogMakesNoDetailsThatNobodyReads(t *testing.T) {
	t.Parallel()
	events.Log(slog.New(slog.DiscardHandler))(lazy{events.BrokerAway{}, t})
}

// An operator reads these lines at night: a message must stand without the
// details, and a detail must have a name.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range every {
		m := tt.event.Message()
		if m == "" || strings.TrimSpace(m) != m || strings.ContainsAny(m, "\n%") || strings.HasSuffix(m, ".") {
			t.Errorf("%T has the message %q", tt.event, m)
		}
		levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
		if !slices.Contains(levels, tt.event.Level()) {
			t.Errorf("%T has the level %v", tt.event, tt.event.Level())
		}
		seen := make(map[string]bool)
		for _, a := range tt.event.Attrs() {
			if a.Equal(slog.Attr{}) {
				continue // an error that is nil
			}
			if a.Key == "" || seen[a.Key] || strings.ToLower(a.Key) != a.Key || strings.Contains(a.Key, " ") {
				t.Errorf("%T has a detail called %q", tt.event, a.Key)
			}
			seen[a.Key] = true
		}
	}
}

func TestZeroEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range every {
		zero := reflect.Zero(reflect.TypeOf(tt.event)).Interface().(events.Event)
		events.Log(slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)))(zero)
		slog.New(slog.DiscardHandler).LogAttrs(context.Background(), zero.Level(), zero.Message(), zero.Attrs()...)
	}
}

// The table above must hold every type of the package.
func TestEveryTypeIsTested(t *testing.T) {
	t.Parallel()
	tested := make(map[string]bool)
	for _, tt := range every {
		tested[reflect.TypeOf(tt.event).Name()] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && sealed(s) && !tested[spec.Name.Name] {
				t.Errorf("%s is not in the table of this test", spec.Name.Name)
			}
			return true
		})
	}
}

// sealed reports whether a struct is an event: it embeds the type that makes it
// one.
func sealed(s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		id, ok := f.Type.(*ast.Ident)
		return ok && len(f.Names) == 0 && id.Name == "sealed"
	})
}
