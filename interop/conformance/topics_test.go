package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// createAll makes topics and returns when their leaders take requests.
func createAll(ctx context.Context, client *kgo.Client, topics map[string]int32) error {
	admin := kadm.NewClient(client)
	byPartitions := make(map[int32][]string)
	var names []string
	for name, n := range topics {
		byPartitions[n] = append(byPartitions[n], name)
		names = append(names, name)
	}
	for n, names := range byPartitions {
		made, err := admin.CreateTopics(ctx, n, -1, nil, names...)
		if err != nil {
			return err
		}
		for _, topic := range made {
			if topic.Err != nil {
				return fmt.Errorf("create %s: %w", topic.Topic, topic.Err)
			}
		}
	}
	for {
		ends, err := admin.ListEndOffsets(ctx, names...)
		if err == nil {
			err = ends.Error()
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond): // the broker tells nobody when a leader is ready
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
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
