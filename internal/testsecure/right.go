package testsecure

import (
	"fmt"
	"slices"
	"testing"

	"github.com/siskin-go/siskin/security"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Right is what somebody may do.
type Right struct {
	Operation kadm.ACLOperation
	Resource  security.Resource
	Name      string
}

// RightTo is a right. Of the cluster, the name does not matter.
func RightTo(operation kadm.ACLOperation, resource security.Resource, name string) Right {
	return Right{operation, resource, name}
}

// String is the right as the errors of package security name it.
func (r Right) String() string { return fmt.Sprintf("%v on %s %q", r.Operation, r.Resource, r.Name) }

func (r Right) acl(principal string) *kadm.ACLBuilder {
	acl := kadm.NewACLs().Allow(principal).AllowHosts("*").
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(r.Operation)
	switch r.Resource {
	case security.Group:
		return acl.Groups(r.Name)
	case security.Cluster:
		return acl.Clusters()
	case security.TransactionalID:
		return acl.TransactionalIDs(r.Name)
	}
	return acl.Topics(r.Name)
}

// Grant gives a principal, such as User:alice, rights, and returns when the broker
// goes by them.
func (b *Broker) Grant(t *testing.T, principal string, rights ...Right) {
	t.Helper()
	for _, r := range rights {
		made, err := b.Admin().CreateACLs(bounded(t), r.acl(principal))
		if err == nil && len(made) > 0 {
			err = made[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
		Await(t, "the right", func() bool { return b.has(t, principal, r) })
	}
}

// Take takes rights away, and returns when the broker goes by that.
func (b *Broker) Take(t *testing.T, principal string, rights ...Right) {
	t.Helper()
	for _, r := range rights {
		if _, err := b.Admin().DeleteACLs(bounded(t), r.acl(principal)); err != nil {
			t.Fatal(err)
		}
		Await(t, "the end of the right", func() bool { return !b.has(t, principal, r) })
	}
}

func (b *Broker) has(t *testing.T, principal string, r Right) bool {
	t.Helper()
	found, err := b.Admin().DescribeACLs(bounded(t), r.acl(principal))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(found, func(f kadm.DescribeACLsResult) bool { return len(f.Described) > 0 })
}
