package interop_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What these bound should happen at once; they are only used up by a failure.
const (
	patience      = 15 * time.Second
	startPatience = time.Minute // of a NestJS program
)

// requestPartitions is of the topics that the NestJS server reads. Reply topics
// have one partition, so all callers share it.
const requestPartitions = 3

// nest is a broker with a NestJS server and a NestJS client on it. Each is
// started by the first test that needs it and serves all others.
type nest struct {
	cfg    siskin.Config
	prefix string // of all topics, so that runs on one real broker do not meet
	server func() (*peer.Server, error)
	client func() (*peer.Client, error)
}

func newNest(t *testing.T) *nest {
	n := &nest{cfg: siskintest.Config(t), prefix: siskintest.Name("interop") + "."}
	n.cfg.ClientID = "nestjs"
	group := siskintest.Name("nest")
	if siskintest.Real() {
		t.Cleanup(func() { n.cleanUp(t, n.cfg.Group, group) })
	}
	env := []string{
		"BROKERS=" + strings.Join(n.cfg.Brokers, ","),
		"PREFIX=" + n.prefix,
		"GROUP_ID=" + group,
		"PARTITIONS=" + strconv.Itoa(requestPartitions),
		"PATTERNS=echo," + strings.Join(siskinPatterns(), ","),
	}
	n.server = sync.OnceValues(func() (*peer.Server, error) {
		ctx, cancel := context.WithTimeout(t.Context(), startPatience)
		defer cancel()
		s, err := peer.StartServer(ctx, "nest", env...)
		if err == nil {
			t.Cleanup(func() { stop(t, s.Process) })
		}
		return s, err
	})
	n.client = sync.OnceValues(func() (*peer.Client, error) {
		ctx, cancel := context.WithTimeout(t.Context(), startPatience)
		defer cancel()
		c, err := peer.StartClient(ctx, "nest", env...)
		if err == nil {
			t.Cleanup(func() { stop(t, c.Process) })
		}
		return c, err
	})
	return n
}

func stop(t *testing.T, p *peer.Process) {
	if p.Crashed() {
		t.Error("the consumer of a NestJS program crashed")
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

// nestServer returns the NestJS server.
func (n *nest) nestServer(t *testing.T) *peer.Server {
	t.Helper()
	s, err := n.server()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nestClient returns the NestJS client.
func (n *nest) nestClient(t *testing.T) *peer.Client {
	t.Helper()
	c, err := n.client()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// siskinClient returns a client of its own for t.
func (n *nest) siskinClient(t *testing.T) *siskin.Client {
	t.Helper()
	return siskintest.Client(t, n.cfg)
}

// topic is the topic of a pattern.
func (n *nest) topic(pattern string) string { return n.prefix + pattern }

func (n *nest) owns(topic string) bool { return strings.HasPrefix(topic, n.prefix) }

func (n *nest) ctx(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// admin returns a client for questions about topics.
func (n *nest) admin(t *testing.T) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(n.cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// cleanUp leaves a real broker as it was.
func (n *nest) cleanUp(t *testing.T, groups ...string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.cfg.Brokers...))
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	names := slices.DeleteFunc(topics.Names(), func(name string) bool { return !n.owns(name) })
	if _, err := admin.DeleteTopics(ctx, names...); err != nil {
		t.Error(err)
	}
	all, err := admin.ListGroups(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	ours := slices.DeleteFunc(all.Groups(), func(name string) bool {
		return !slices.ContainsFunc(groups, func(g string) bool { return strings.HasPrefix(name, g+"-") })
	})
	if _, err := admin.DeleteGroups(ctx, ours...); err != nil {
		t.Error(err)
	}
}
