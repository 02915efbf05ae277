package faults_test

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// row is one fault. Its id begins with the section of the protocol notes for
// NestJS that names it.
type row struct {
	id     string
	fault  string
	siskin string // what Siskin does instead
	check  func(*exam) error
}

// quick are the checks that share one server, one after the other: a record
// goes in, and what comes out is looked at.
var quick = []row{
	{
		"4.value-field", "A result with a field `value` or `key` loses its other fields",
		"An object stays whole", value("value-field", []byte("x"), `{"currency":"USD","value":5}`, `{"value":5,"currency":"USD"}`),
	},
	{
		"4.not-json", "A result that JSON cannot hold (`bigint`; in Go an infinity inside of a map) is never answered",
		"An error reply", fault("unencodable", ""),
	},
	{
		"4.typed-array", "A `Uint8Array` is sent as the text `1,2`",
		"Bytes are sent as they are", value("typed-array", []byte("x"), "\x01\x02"),
	},
	{"4.map", "A `Map` is sent as `{}`", "A map is an object", value("map", []byte("x"), `{"a":1}`)},
	{
		"4.date", "A date is sent in JavaScript's own text form",
		"RFC 3339, as JSON does", value("date", []byte("x"), "1970-01-01T00:00:00Z", `"1970-01-01T00:00:00Z"`),
	},
	{
		"5.binary", "Bytes that do not begin with 00 are changed",
		"A handler gets the bytes", value("echo", []byte{0xff, 0xfe}, "\xff\xfe"),
	},
	{
		"5.json-like-text", "Text that looks like JSON changes its type",
		"The handler's type says what it is", value("length", []byte("[1,2]"), "5"),
	},
	{
		"5.large-integer", "Integers beyond 2^53 change",
		"They stay exact", value("echo", []byte("[9007199254740993]"), "[9007199254740993]"),
	},
	{
		"5.no-value", "For a record without a value the handler gets the whole message",
		"The zero value of its type", value("nothing", nil, "nothing"),
	},
	{
		"5.repeated-header", "A header that comes twice becomes one",
		"Headers are a list", valueWith("headers", []byte("x"), both("h", "1", "2"), `["1","2"]`),
	},
	{
		"5.json-like-header", "A header that looks like JSON becomes an object",
		"Headers are bytes", valueWith("headers", []byte("x"), both("h", `{"x":1}`), `["{\"x\":1}"]`),
	},
	{
		"6.reply-too-large", "A reply that its topic does not take is only logged; the caller gets none",
		"A small error reply", tooLarge,
	},
	{"8.number", "An error filter that gives a number: no reply", "An error is always answered", fault("number-filter", "7")},
	{
		"8.empty", "An empty error looks like success",
		"An error without a text is one too", fault("empty-filter", ""),
	},
	{
		"8.inner", "The text of a wrapped `Error` is lost",
		"It is the message", fault("inner", "inner"),
	},
	{
		"10.like-number", "A topic whose name is a number in another form (`1.50`) never finds its handler",
		"A name is a text", likeNumber,
	},
	{"11.partition-1x", "Reply partition `1x` is taken for 1", "Not answered, and logged", partition("1x")},
	{"11.partition-abc", "Reply partition `abc`: no reply, no log line", "Not answered, and logged", partition("abc")},
	{"11.partition-empty", "Reply partition ``: no reply, no log line", "Not answered, and logged", partition("")},
	{"11.partition-99", "Reply partition 99 of 3: no reply, no log line", "Not answered, and logged", partition("99")},
	{
		"11.partition-bytes", "Spring's reply partition in four bytes: no reply, no log line",
		"Not answered, and logged", partition("\x00\x00\x00\x01"),
	},
	{
		"11.id-binary", "A binary correlation id is changed",
		"Ids are bytes", correlation("\xff\x10\x80\x01binary-id-\xc3\x28"),
	},
	{"11.id-list", "A correlation id that looks like a list is changed", "Ids are bytes", correlation("[1,2]")},
	{"11.id-object", "A correlation id that looks like an object: no reply", "Ids are bytes", correlation(`{"a":1}`)},
	{
		"11.id-twice", "A correlation id that comes twice is answered with one that nobody has sent",
		"The last one is answered", correlation("x-id", "y-id"),
	},
}

// apart are the checks with servers and clients of their own.
var apart = []row{
	{
		"5.numbers", "A number reaches the caller as text",
		"The caller's type says what it is", replied("number", []kgo.Record{{Value: []byte("5"), Headers: list(end)}}, "5"),
	},
	{
		"6.two-request-handlers", "Of two request handlers of a topic the last wins",
		"`Run` returns an error that names both", twice(requests, requests),
	},
	{
		"6.event-behind-request", "An event handler behind a request handler is never called",
		"`Run` returns an error that names both", twice(requests, emitted),
	},
	{
		"6.request-behind-event", "An event handler before a request handler is never called",
		"`Run` returns an error that names both", twice(emitted, requests),
	},
	{
		"6.pair", "When one handler of an event fails, all run again",
		"Each handler is retried by itself", secondFails,
	},
	{
		"6.empty-stream", "An event handler whose stream ends without a value is run again, for ever",
		"No error is success", emptyStream,
	},
	{
		"6.commit-before-reply", "The offset is committed before the reply is sent",
		"Committed when the broker has stored the reply", heldReply,
	},
	{
		"6.reply-outage", "A reply that cannot be sent for some seconds is never sent",
		"Tried until its caller's deadline", outage,
	},
	{
		"6.commit-in-stream", "The offset is committed behind the first value of a stream",
		"Committed when the last value is stored", openStream,
	},
	{
		"6.stream-on-close", "Closing the server cuts off open streams",
		"They have `Config.Drain` to end", closing,
	},
	{
		"7.late-end", "A stream that ends late gives its caller one more value, null",
		"The mark of the end is no value", replied("any", []kgo.Record{
			{Value: []byte("a")}, {Headers: list(end)},
		}, `"a"`),
	},
	{
		"7.empty", "An empty stream gives its caller a value, null",
		"An empty stream has no values", replied("any", []kgo.Record{{Headers: list(end)}}),
	},
	{"8.no-error", "A remote error is no `Error`", "`*siskin.Error` in a `*siskin.CallError`", realError},
	{
		"10.later-topic", "An expression does not find topics that are made after the start",
		"Found within `Config.Refresh`", laterTopic,
	},
	{
		"10.object-pattern", "The error for a pattern that is an object does not name it",
		"It names the pattern, the file and the line", objectPattern,
	},
	{"10.global", "An expression with the flag g skips topics", "All are read", global},
	{
		"12.batch", "Offsets are committed at the end of a batch: a crash repeats all of it",
		"Committed each `Config.CommitInterval`", batch,
	},
	{
		"12.poison", "An event that always fails is tried for ever, and nothing behind it is handled",
		"A dead letter after `Config.RetryAttempts`", poison,
	},
	{
		"12.new-group", "A group that crashes before its first commit loses what has come since its start",
		"The first position is committed at the start", newGroup,
	},
	{
		"12.poison-partitions", "Meanwhile the other partitions wait too",
		"They do not", poisonStalls,
	},
	{"12.blocked", "A slow handler delays other topics", "Topics do not wait for each other", blocked},
	{
		"12.long", "A handler that takes longer than the session loses its partition, and runs again",
		"Heartbeats do not wait for handlers", long,
	},
	{
		"12.decoder", "A deserializer that throws a `TypeError` stops the server for good",
		"A codec that panics makes a dead letter", brokenDecoder,
	},
	{
		"12.null-id", "A reply whose correlation id is null stops the client's consumer",
		"It is ignored", brokenReply(nullID),
	},
	{"13.no-handlers", "A server without handlers starts", "`Run` returns an error", noHandlers},
	{"13.idle-member", "A client that only emits is a member of a group", "No client is in a group", idleMember},
	{
		"14.no-timeout", "A call without an answer waits for ever",
		"`Config.Timeout`, 30 seconds, then `ErrNoReply`", noServer,
	},
	{
		"14.silent-stream", "A stream that does not go on is waited for for ever",
		"`Config.StreamIdle`, 30 seconds, then `ErrStreamIdle`", silentStream,
	},
	{
		"14.later-pattern", "A pattern that is subscribed to after the start cannot be called",
		"Any pattern can be called at any time", laterPattern,
	},
	{
		"14.neighbour", "A client that leaves, and one that comes, take a third one's reply away",
		"A client keeps its partition", neighbour,
	},
	{
		"14.shared-group", "Clients with different patterns in one group starve each other",
		"No client is in a group", sharedGroup,
	},
	{
		"15.snappy-server", "One record with snappy stops a server for good",
		"All codecs can be read", snappy,
	},
	{
		"15.snappy-client", "One record with snappy stops a client for good",
		"All codecs can be read", brokenReply(snappyReply),
	},
	{
		"18.missing-topics", "The program dies when its topics do not exist",
		"They are made, named in one error, or waited for: `Config.Topics`", missingTopic,
	},
	{
		"18.restart", "A client that starts again after a crash waits for the session of the dead one",
		"The first call is answered at once", restart,
	},
	{
		"18.second-client", "A second client on a reply topic of one partition: all its calls fail",
		"Clients share a partition", secondClient,
	},
	{
		"18.one-at-a-time", "A partition has one handler running at a time, so 50 ms each are 20 a second",
		"Requests without a key run at once", oneAtATime,
	},
	{
		"18.manual-group", "A manual commit, made as in the example, is one of the wrong group",
		"`Delivery.Commit` is of the consuming group", manual(true),
	},
	{
		"18.manual-offset", "A manual commit, made as in the example, is of the record's own offset",
		"The next one", manual(false),
	},
}

// app are the checks of the example app, whose topics have fixed names: one
// after the other.
var app = []row{
	{"18.max-empty", "`POST /max []` answers `-Infinity`", "400, with the reason", appAnswer("max", "[]", 400)},
	{"18.sum-object", "`POST /sum {\"a\":1}` answers 500", "400, with the reason", appAnswer("sum", `{"a":1}`, 400)},
	{"18.sum-empty", "`POST /sum []` answers 500", "201 `0`", appAnswer("sum", "[]", 201)},
}

func faults() []row { return slices.Concat(quick, apart, app) }

func both(name string, values ...string) (headers []kgo.RecordHeader) {
	for _, v := range values {
		headers = append(headers, header(name, v))
	}
	return headers
}

func list(headers ...kgo.RecordHeader) []kgo.RecordHeader { return headers }
