package migration_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What these bound should happen at once; they are only used up by a failure.
const (
	patience      = time.Minute
	startPatience = time.Minute // of a NestJS program
)

// partitions are those of each topic: of the requests, more than there are
// members at a time, because a NestJS server without one is never ready.
const (
	partitions      = 6
	replyPartitions = 3
)

// stage is a broker with the topics of one pattern, and a group for servers of
// both kinds.
type stage struct {
	t      *testing.T
	cfg    siskin.Config
	prefix string
	ledger *ledger
	admin  *kadm.Client
	client *kgo.Client
}

func newStage(t *testing.T, patterns ...string) *stage {
	t.Helper()
	s := &stage{t: t, cfg: siskintest.Config(t), prefix: siskintest.Name("migration") + ".", ledger: newLedger()}
	s.cfg.Group, s.cfg.ClientID, s.cfg.Protocol = siskintest.Name("nest"), "siskin", "nestjs"
	client, err := kgo.NewClient(kgo.SeedBrokers(s.cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.client, s.admin = client, kadm.NewClient(client)
	for _, pattern := range patterns {
		s.create(s.topic(pattern), partitions)
		s.create(s.topic(pattern)+".reply", replyPartitions)
	}
	if siskintest.Real() {
		t.Cleanup(func() { s.cleanUp() })
	}
	return s
}

func (s *stage) topic(pattern string) string { return s.prefix + pattern }

func (s *stage) group() string { return s.cfg.Group + "-server" }

func (s *stage) ctx() context.Context {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

func (s *stage) create(topic string, n int32) {
	s.t.Helper()
	if err := testtopics.Create(s.ctx(), s.admin, n, nil, topic); err != nil {
		s.t.Fatal(err)
	}
}

// cleanUp leaves a real broker as it was.
func (s *stage) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	topics, err := s.admin.ListTopics(ctx)
	if err != nil {
		s.t.Error(err)
		return
	}
	names := slices.DeleteFunc(topics.Names(), func(name string) bool { return !strings.HasPrefix(name, s.prefix) })
	if _, err := s.admin.DeleteTopics(ctx, names...); err != nil {
		s.t.Error(err)
	}
	if _, err := s.admin.DeleteGroups(ctx, s.group(), s.cfg.Group+"-client"); err != nil {
		s.t.Error(err)
	}
}

func (s *stage) env(more ...string) []string {
	return append([]string{
		"BROKERS=" + strings.Join(s.cfg.Brokers, ","), "PREFIX=" + s.prefix, "GROUP_ID=" + s.cfg.Group,
		fmt.Sprint("PARTITIONS=", partitions), fmt.Sprint("REPLY_PARTITIONS=", replyPartitions),
	}, more...)
}

// nestServer starts a NestJS server. It is stopped in the end, or by the function
// returned.
func (s *stage) nestServer(env ...string) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startPatience)
	defer cancel()
	p, err := peer.Start(ctx, peer.Options{Dir: "../nest", Program: "worker.js", Env: s.env(env...)}, s.ledger.line)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ends(p)
}

func (s *stage) nestClient(pattern string) (client *peer.Client, stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), startPatience)
	defer cancel()
	c, err := peer.StartClient(ctx, "../nest", s.env("PATTERNS="+pattern)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c, s.ends(c.Process)
}

func (s *stage) ends(p *peer.Process) (stop func()) {
	stop = func() {
		s.t.Helper()
		if p.Crashed() {
			s.t.Error("the consumer of a NestJS program crashed")
		}
		if err := p.Stop(); err != nil {
			s.t.Error(err)
		}
	}
	s.t.Cleanup(stop)
	return stop
}

// service makes a Siskin service that answers the patterns as the NestJS server
// does. It is told of each record that is served.
func (s *stage) service(cfg siskin.Config, patterns ...string) *siskin.Service {
	s.t.Helper()
	svc, err := siskin.NewService(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, pattern := range patterns {
		siskin.Handle(svc, s.topic(pattern), func(ctx context.Context, payload string) (string, error) {
			d, _ := siskin.DeliveryFrom(ctx)
			s.ledger.received(bySiskin, payload, place{d.Topic(), d.Partition(), d.Offset()})
			return payload, nil
		})
	}
	return svc
}

// siskinServer runs a Siskin service, until the end or until the function returned
// is called.
func (s *stage) siskinServer(patterns ...string) (stop func()) {
	s.t.Helper()
	end := siskintest.Run(s.t, s.service(s.cfg, patterns...))
	return func() {
		s.t.Helper()
		if err := end(); err != nil {
			s.t.Error(err)
		}
	}
}

// settles waits until so many members of the group share in one way.
func (s *stage) settles(protocol string, members int) kadm.DescribedGroup {
	s.t.Helper()
	ctx := s.ctx()
	for {
		groups, err := s.admin.DescribeGroups(ctx, s.group())
		if err != nil {
			s.t.Fatalf("the group has not settled with %d members on %s: %v", members, protocol, err)
		}
		if g := groups[s.group()]; g.State == "Stable" && g.Protocol == protocol && len(g.Members) == members {
			return g
		}
	}
}

// watch returns settings with which an event of one type is handed on.
func watch[E events.Event](cfg siskin.Config) (siskin.Config, <-chan E) {
	seen := make(chan E, 100)
	cfg.Observe = func(e events.Event) {
		if e, ok := e.(E); ok {
			select {
			case seen <- e:
			default: // a test that wants so many does not read
			}
		}
	}
	return cfg, seen
}

// runs starts a service that may not join.
func (s *stage) runs(svc *siskin.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	return func() {
		s.t.Helper()
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
}

// ids are the members, static ones by the id that they chose.
func ids(members []kadm.DescribedGroupMember) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.MemberID
	}
	return slices.Sorted(slices.Values(all))
}
