package faults_test

import "encoding/json"

// subject is what is examined: Siskin or NestJS. Both offer the same handlers
// and take the same calls.
type subject interface {
	// name is "Siskin" or "NestJS".
	name() string
	// serve starts a server and returns when it serves, or when it has
	// refused to: see server.refused.
	serve(x *exam, s serving) server
	// client starts a client and returns when it can be used.
	client(x *exam, c calling) client
	// program starts a program of its own with a client that makes one call,
	// and returns when that is answered. kill ends it as a crash does.
	program(x *exam, pattern, group string) (kill func())
	// app starts the example app and returns its address. part is "all",
	// "http" or "worker"; the worker has no address.
	app(x *exam, part, group string) (url string)
}

// serving says what a server does.
type serving struct {
	group    string // of consumers, without a postfix
	handlers []handler
	quick    bool // few retries, with little time between them
	session  int  // ms; 0 is the default
	manual   bool // the handlers commit
	throws   bool // decoding the value "unreadable" throws, or panics
	strict   bool // the broker makes no topic because somebody asks for it
}

type kind string

const (
	requests   kind = "request"
	emitted    kind = "event"
	expression kind = "expression" // of topics with events
)

// handler is one handler of a server.
type handler struct {
	Topic string `json:"topic"`
	Kind  kind   `json:"kind"`
	Does  string `json:"does"` // a name in the tables of behaviours
	Flags string `json:"flags,omitempty"`
}

// server is a server that has started.
type server interface {
	log() *journal
	// refused is why the server did not start, or "".
	refused() string
	// group is its consumer group, with the postfix.
	group() string
	// open lets handlers go on that are gated.
	open()
	// hold keeps back what the server produces, and cut breaks each connection
	// that it produces on, until release.
	hold()
	cut()
	release()
	// close stops the server in an orderly way and returns when that is done.
	close()
}

// calling says what a client is.
type calling struct {
	group    string   // without a postfix; Siskin's clients are in none
	patterns []string // those known from the start
}

// client is a client that can be used.
type client interface {
	log() *journal
	// begin starts a call; its outcome goes to the journal. answer says what
	// type the caller wants: "number" for one reply, "any" for a stream.
	begin(pattern string, data any, answer string) (call int)
	// learn tells a client that has started about another pattern.
	learn(pattern string)
	close()
}

// job is the payload of the behaviour "work".
type job struct {
	N       int  `json:"n"`
	Ms      int  `json:"ms,omitempty"`
	Gated   bool `json:"gated,omitempty"`
	Bad     bool `json:"bad,omitempty"`
	BadOnce bool `json:"badOnce,omitempty"`
}

func (j job) json() []byte {
	text, err := json.Marshal(j)
	if err != nil {
		panic(err)
	}
	return text
}

// unreadable is the value for serving.throws.
const unreadable = "unreadable"
