package security

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrAuthorization says that the broker knows this program, and does not let it
// do something. The error that wraps it is an *AuthorizationError.
var ErrAuthorization = errors.New("a right is missing")

// Operation is what a right allows, as Kafka's access control lists name it.
type Operation string

// The operations that a service or client needs. Read and Write include
// Describe.
const (
	Read            Operation = "READ"
	Write           Operation = "WRITE"
	Create          Operation = "CREATE"
	Alter           Operation = "ALTER"
	IdempotentWrite Operation = "IDEMPOTENT_WRITE"
)

// Resource is what a right is for.
type Resource string

// The resources.
const (
	Topic           Resource = "topic"
	Group           Resource = "group"
	Cluster         Resource = "cluster"
	TransactionalID Resource = "transactional-id"
)

// AuthorizationError is a right that is missing. Immutable.
type AuthorizationError struct {
	Operation Operation
	Resource  Resource
	Name      string // of the topic, group or transactional id; empty for the cluster
	Err       error  // what the broker said
}

// Right is the missing right, such as `READ on group "math-server"`.
func (e *AuthorizationError) Right() string {
	if e.Name == "" {
		return fmt.Sprintf("%s on the %s", e.Operation, e.Resource)
	}
	return fmt.Sprintf("%s on %s %q", e.Operation, e.Resource, e.Name)
}

func (e *AuthorizationError) Error() string {
	operation := strings.ReplaceAll(strings.ToLower(string(e.Operation)), "_", "-")
	return fmt.Sprintf("missing right: %s; whoever runs the broker can grant it to this user: "+
		"kafka-acls --add --allow-principal User:… --operation %s --%s (%v)",
		e.Right(), operation, strings.TrimSpace(string(e.Resource)+" "+e.Name), e.Err)
}

// Unwrap returns ErrAuthorization and what the broker said.
func (e *AuthorizationError) Unwrap() []error { return []error{ErrAuthorization, e.Err} }

// OnTopic puts an error of an operation on a topic into words, if it is a missing
// right. Any other error, and nil, is returned as it is.
func OnTopic(operation Operation, topic string, err error) error {
	return denied(err, operation, named{topic: topic})
}

// OnGroup is OnTopic for a consumer group.
func OnGroup(group string, err error) error { return denied(err, Read, named{group: group}) }

// OnTransaction is OnTopic for a transactional id.
func OnTransaction(id string, err error) error { return denied(err, Write, named{transaction: id}) }

// named are the resources that an operation is about, as far as they are known.
type named struct{ topic, group, transaction string }

// denied finds the right that the broker means. It names the resource, and the
// operation is known from what was asked for.
func denied(err error, operation Operation, on named) error {
	if err == nil || errors.Is(err, ErrAuthorization) {
		return err
	}
	e := &AuthorizationError{Operation: operation, Err: err}
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed) && on.topic != "":
		e.Resource, e.Name = Topic, on.topic
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		e.Operation, e.Resource, e.Name = Read, Group, on.group
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		e.Operation, e.Resource, e.Name = Write, TransactionalID, on.transaction
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		e.Resource = Cluster
		if operation == Write { // the producer's id, which every record needs
			e.Operation = IdempotentWrite
		}
	default:
		return err
	}
	return e
}
