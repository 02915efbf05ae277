package interop_test

import (
	"fmt"
	"sync"
	"testing"
)

// sharedReplyTopic has a Siskin client, which is in no group, and a NestJS
// client, which is in one, wait on the same partition of one reply topic.
func sharedReplyTopic(t *testing.T, n *nest) {
	n.nestServer(t)
	nest := n.nestClient(t)
	ours := caller{n, n.siskinClient(t)}
	theirs := &served{nest: n, client: nest}
	var wg sync.WaitGroup
	wg.Go(func() { ours.many(t, ours.client, 50, "siskin") })
	for i := range 50 {
		text := fmt.Sprintf("nest %d", i)
		wg.Go(func() { theirs.check(t, "echo", text, list(quoted(text)), "") })
	}
	wg.Wait()
	if strays := nest.Strays(); len(strays) > 0 {
		t.Errorf("the NestJS client got more than it asked for: %+v", strays)
	}
}
