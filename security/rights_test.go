package security_test

import (
	"context"
	"errors"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
)

// act is one user with a pattern, whose topics exist, and a group.
type act struct {
	*site
	t       *testing.T
	diary   *diary
	cfg     siskin.Config
	pattern string
	rpc     siskin.RPC[int, int]
}

func newAct(t *testing.T) *act {
	t.Helper()
	s := newSite(t)
	a := &act{site: s, t: t, diary: newDiary(), pattern: siskintest.Name("double")}
	a.cfg = config(a.diary, s.Addr, s.user(t, security.ScramSHA512))
	a.cfg.Group = siskintest.Name("group")
	a.rpc = siskin.NewRPC[int, int](a.pattern)
	s.topics(t, a.pattern, a.pattern+".reply")
	return a
}

func (a *act) principal() string { return "User:" + a.cfg.Security.User }

func (a *act) may(rights ...right) { a.Grant(a.t, a.principal(), rights...) }

// all are the rights that the pattern needs, without those that are named.
func (a *act) all(without ...right) []right {
	var rights []right
next:
	for _, r := range needs(a.pattern, a.cfg.Group) {
		for _, w := range without {
			if r == w {
				continue next
			}
		}
		rights = append(rights, r)
	}
	return rights
}

func (a *act) service() *siskin.Service {
	svc := service(a.t, a.cfg)
	a.rpc.Handle(svc, double)
	return svc
}

func (a *act) wantRight(what string, err error, want string) {
	a.t.Helper()
	if !errors.Is(err, siskin.ErrAuthorization) {
		a.t.Fatalf("%s: got %v, want ErrAuthorization", what, err)
	}
	if missing, _ := errors.AsType[*security.AuthorizationError](err); missing.Right() != want {
		a.t.Errorf("%s: got the right %s, want %s: %v", what, missing.Right(), want, err)
	}
}

func TestServiceWithoutItsGroup(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	group := a.cfg.Group + "-server"
	a.may(a.all(testsecure.RightTo(kadm.OpRead, security.Group, group))...)
	a.wantRight("Run", a.service().Run(testContext(t)), `READ on group "`+group+`"`)
}

// Seeing a group is not enough to join it.
func TestServiceThatMayOnlySeeItsGroup(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	group := a.cfg.Group + "-server"
	a.may(append(a.all(testsecure.RightTo(kadm.OpRead, security.Group, group)), testsecure.RightTo(kadm.OpDescribe, security.Group, group))...)
	a.wantRight("Run", a.service().Run(testContext(t)), `READ on group "`+group+`"`)
}

func TestServiceWithoutItsTopic(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	read, write := testsecure.RightTo(kadm.OpRead, security.Topic, a.pattern), testsecure.RightTo(kadm.OpWrite, security.Topic, a.pattern)
	a.may(a.all(read, write)...)
	a.wantRight("Run", a.service().Run(testContext(t)), `READ on topic "`+a.pattern+`"`)
}

func TestServiceThatMayOnlySeeItsTopic(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	a.may(a.all(testsecure.RightTo(kadm.OpRead, security.Topic, a.pattern))...)
	run(t, a.service())
	e := wait(t, a.diary, func(events.FetchFailed) bool { return true })
	a.wantRight("FetchFailed", e.Err, `READ on topic "`+a.pattern+`"`)
}

func TestServiceWithoutItsDeadLetters(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	a.may(a.all()...)
	svc := a.service()
	siskin.On(svc, a.pattern+".reply", func(context.Context, int) error { return nil }) // any topic that is there
	a.wantRight("Run", svc.Run(testContext(t)), `WRITE on topic "`+a.pattern+".reply"+wire.DeadLetterSuffix+`"`)
}

func TestServiceWithoutItsRetryTopic(t *testing.T) {
	t.Parallel()
	a, svc, topic := newRetryAct(t)
	a.may(a.all()...)
	a.wantRight("Run", svc.Run(testContext(t)), `WRITE on topic "`+topic+`"`)
}

func TestServiceThatMayOnlyWriteToItsRetryTopic(t *testing.T) {
	t.Parallel()
	a, svc, topic := newRetryAct(t)
	a.may(append(a.all(), testsecure.RightTo(kadm.OpWrite, security.Topic, topic))...)
	run(t, svc)
	e := wait(t, a.diary, func(e events.FetchFailed) bool { return e.Topic == topic })
	a.wantRight("FetchFailed", e.Err, `READ on topic "`+topic+`"`)
}

// newRetryAct is an act with a retry topic.
func newRetryAct(t *testing.T) (a *act, svc *siskin.Service, topic string) {
	t.Helper()
	a = newAct(t)
	svc = service(t, a.cfg)
	a.rpc.Handle(svc, double, siskin.RetryTopic(siskin.Retry{KeepOrder: true}))
	topic = wire.RetryTopicName(a.pattern, svc.Config().Group, false)
	a.topics(t, topic)
	return a, svc, topic
}

func TestServiceThatMayNotReply(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	reply := a.pattern + ".reply"
	a.may(a.all(testsecure.RightTo(kadm.OpWrite, security.Topic, reply))...)
	siskintest.Run(t, a.service())
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	ended := make(chan struct{})
	c := client(t, a.cfg)
	go func() {
		defer close(ended)
		_, _ = a.rpc.Send(ctx, c, 1) // no reply comes
	}()
	e := wait(t, a.diary, func(events.ReplyLost) bool { return true })
	a.wantRight("ReplyLost", e.Err, `WRITE on topic "`+reply+`"`)
	cancel()
	<-ended
}

func TestClientWithoutItsTopic(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	a.may(testsecure.RightTo(kadm.OpRead, security.Topic, a.pattern+".reply"))
	c := client(t, a.cfg)
	want := `WRITE on topic "` + a.pattern + `"`
	a.wantRight("Ready", c.Ready(testContext(t), a.rpc), want)
	_, err := a.rpc.Send(testContext(t), c, 1)
	a.wantRight("Send", err, want)
	_, err = c.Emit(testContext(t), a.pattern, 1)
	a.wantRight("Emit", err, want)
}

func TestClientThatMayOnlySeeItsTopic(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	other := siskintest.Name("other")
	a.topics(t, other)
	a.may(
		testsecure.RightTo(kadm.OpDescribe, security.Topic, a.pattern), testsecure.RightTo(kadm.OpRead, security.Topic, a.pattern+".reply"),
		testsecure.RightTo(kadm.OpWrite, security.Topic, other), // without any, the producer gets no id
	)
	c := client(t, a.cfg)
	want := `WRITE on topic "` + a.pattern + `"`
	_, err := a.rpc.Send(testContext(t), c, 1)
	a.wantRight("Send", err, want)
	_, err = c.Emit(testContext(t), a.pattern, 1)
	a.wantRight("Emit", err, want)
}

func TestClientThatMayWriteNothing(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	a.may(testsecure.RightTo(kadm.OpDescribe, security.Topic, a.pattern), testsecure.RightTo(kadm.OpRead, security.Topic, a.pattern+".reply"))
	c := client(t, a.cfg)
	_, err := c.Emit(testContext(t), a.pattern, 1)
	a.wantRight("Emit", err, "IDEMPOTENT_WRITE on the cluster")
	_, err = a.rpc.Send(testContext(t), c, 1)
	a.wantRight("Send", err, "IDEMPOTENT_WRITE on the cluster")
}

func TestClientThatMayNotReadItsReplies(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	reply := a.pattern + ".reply"
	a.may(a.all(testsecure.RightTo(kadm.OpRead, security.Topic, reply))...)
	siskintest.Run(t, a.service())
	_, err := a.rpc.Send(testContext(t), client(t, a.cfg), 1)
	a.wantRight("Send", err, `READ on topic "`+reply+`"`)
}

func TestClientThatMayNotCreate(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	missing := siskintest.Name("missing")
	a.may(testsecure.RightTo(kadm.OpWrite, security.Topic, missing))
	_, err := client(t, a.cfg).Emit(testContext(t), missing, 1)
	a.wantRight("Emit", err, `CREATE on topic "`+missing+`"`)
}

// A service that has worked goes on when a right is taken, and when it is given
// back.
func TestRightThatIsTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	a := newAct(t)
	a.may(a.all()...)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	ended := make(chan error, 1)
	svc := a.service()
	go func() { ended <- svc.Run(ctx) }()
	if err := svc.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	group := a.cfg.Group + "-server"
	read := testsecure.RightTo(kadm.OpRead, security.Group, group)
	a.Take(t, a.principal(), read)
	e := wait(t, a.diary, func(events.GroupFailed) bool { return true })
	a.wantRight("GroupFailed", e.Err, `READ on group "`+group+`"`)
	a.may(read)
	if got, err := a.rpc.Send(ctx, client(t, a.cfg), 21); err != nil || got != 42 {
		t.Errorf("got %d, %v; want 42", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// run runs a service that does not become ready, until the test ends.
func run(t *testing.T, svc *siskin.Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
