package security_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestMissingRights(t *testing.T) {
	t.Parallel()
	onSum := func(operation security.Operation) func(error) error {
		return func(err error) error { return security.OnTopic(operation, "sum", err) }
	}
	onGroup := func(err error) error { return security.OnGroup("math-server", err) }
	onTransaction := func(err error) error { return security.OnTransaction("redrive", err) }
	for _, test := range []struct {
		said error
		put  func(error) error
		want string // empty: the error stays as it is
	}{
		{kerr.TopicAuthorizationFailed, onSum(security.Read), `READ on topic "sum"`},
		{kerr.TopicAuthorizationFailed, onSum(security.Write), `WRITE on topic "sum"`},
		{kerr.TopicAuthorizationFailed, onSum(security.Create), `CREATE on topic "sum"`},
		{kerr.ClusterAuthorizationFailed, onSum(security.Create), `CREATE on the cluster`},
		{kerr.ClusterAuthorizationFailed, onSum(security.Write), `IDEMPOTENT_WRITE on the cluster`},
		{kerr.TransactionalIDAuthorizationFailed, onSum(security.Write), `WRITE on the transactional-id`},
		{kerr.TransactionalIDAuthorizationFailed, onTransaction, `WRITE on transactional-id "redrive"`},
		{kerr.GroupAuthorizationFailed, onGroup, `READ on group "math-server"`},
		{kerr.TopicAuthorizationFailed, onGroup, ""},
		{kerr.NotLeaderForPartition, onSum(security.Read), ""},
		{io.EOF, onGroup, ""},
	} {
		said := fmt.Errorf("ask: %w", test.said)
		err := test.put(said)
		missing, ok := errors.AsType[*security.AuthorizationError](err)
		switch {
		case test.want == "" && err != said: //nolint:errorlint // the very error
			t.Errorf("%v: got %v, want it as it is", said, err)
		case test.want != "" && (!ok || missing.Right() != test.want || !errors.Is(err, test.said)):
			t.Errorf("%v: got %v, want %s", said, err, test.want)
		}
	}
	if security.OnTopic(security.Read, "sum", nil) != nil {
		t.Error("no error became one")
	}
}
