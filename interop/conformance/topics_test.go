package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/siskin-go/siskin/internal/testtopics"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// createAll makes topics and returns when their leaders take requests.
func createAll(ctx context.Context, client *kgo.Client, topics map[string]int32) error {
	admin := kadm.NewClient(client)
	byPartitions := make(map[int32][]string)
	for name, n := range topics {
		byPartitions[n] = append(byPartitions[n], name)
	}
	for n, names := range byPartitions {
		if err := testtopics.Create(ctx, admin, n, nil, names...); err != nil {
			return err
		}
	}
	return nil
}

// removeAll deletes topics, all that begin with prefix, and all groups that
// begin with group.
func removeAll(ctx context.Context, client *kgo.Client, prefix, group string, names []string) error {
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, prefix) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	deleted, err := admin.DeleteTopics(ctx, names...)
	if err != nil {
		return err
	}
	var errs []error
	for _, topic := range deleted {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.UnknownTopicOrPartition) {
			errs = append(errs, fmt.Errorf("delete %s: %w", topic.Topic, topic.Err))
		}
	}
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	ours := slices.DeleteFunc(groups.Groups(), func(name string) bool { return !strings.HasPrefix(name, group) })
	_, err = admin.DeleteGroups(ctx, ours...)
	return errors.Join(append(errs, err)...)
}
