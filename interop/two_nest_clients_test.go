package interop_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/interop/peer"
	"github.com/siskin-go/siskin/siskintest"
)

// twoNestClients has two NestJS clients of one group share a reply topic with
// three partitions: a Siskin service must answer on the partition that a
// request names.
func twoNestClients(t *testing.T, n *nest) {
	serve(t, n, func(svc *siskin.Service) {
		handles(func(s string) (string, error) { return s, nil })(svc, n.topic("go.spread"))
	})
	env := []string{
		"BROKERS=" + strings.Join(n.cfg.Brokers, ","), "PREFIX=" + n.prefix, "GROUP_ID=" + siskintest.Name(n.cfg.Group),
		"PATTERNS=go.spread", "REPLY_PARTITIONS=3",
	}
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	var clients [2]*served
	for i := range clients {
		c, err := peer.StartClient(ctx, "nest", env...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(t, c.Process) })
		clients[i] = &served{nest: n, client: c}
	}
	topic := n.topic("go.spread.reply")
	from := n.ends(t, topic)
	var wg sync.WaitGroup
	for i := range 40 {
		text := fmt.Sprintf("call %d", i)
		wg.Go(func() { clients[i%2].check(t, "go.spread", text, list(quoted(text)), "") })
	}
	wg.Wait()
	used := map[int32]int{}
	for _, r := range n.read(t, from, n.ends(t, topic)) {
		used[r.Partition]++
	}
	if len(used) != 2 {
		t.Errorf("replies by partition: %v; want them on two partitions, one for each client", used)
	}
}
