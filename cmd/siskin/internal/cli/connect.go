package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/config"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/brokerwatch"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/siskin-go/siskin/security"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// connection is the flags with which a verb finds the brokers.
type connection struct {
	brokers []string
	timeout time.Duration
	file    string
	verbose bool
}

func (c *connection) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&c.brokers, "brokers", nil, "`HOST:PORT` of brokers, with commas between (SISKIN_BROKERS; default 127.0.0.1:9092)")
	f.StringVar(&c.file, "config", "", "`FILE` with settings, YAML or JSON; flags and SISKIN_… win over it")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "tell more on stderr")
}

func (c *connection) registerTimeout(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&c.timeout, "timeout", 0, "longest `WAIT` for an answer (SISKIN_TIMEOUT; default 30s)")
}

// config is defaults, with the file over them, then the environment, then the
// flags.
func (c *connection) config(cmd *cobra.Command, defaults siskin.Config) (siskin.Config, error) {
	var files []string
	if c.file != "" {
		files = append(files, c.file)
	}
	defaults.Logger = newLogger(cmd.ErrOrStderr(), c.verbose)
	slog.SetDefault(defaults.Logger)
	cfg, err := config.Load(defaults, files...)
	if err != nil {
		return cfg, err
	}
	if cmd.Flags().Changed("brokers") {
		cfg.Brokers = c.brokers
	}
	if cmd.Flags().Changed("timeout") {
		cfg.Timeout = c.timeout
	}
	return cfg, cfg.Validate()
}

// reach returns a Kafka client after a broker has answered and all topics are
// known to exist. It never makes a topic. use is what will be done there, and tell
// hears about outages.
func reach(
	ctx context.Context, cfg siskin.Config, use security.Operation, topics []string, tell events.Sink, opts ...kgo.Opt,
) (*kgo.Client, error) {
	for _, topic := range topics {
		if err := wire.CheckTopic(topic); err != nil {
			return nil, usageError(err)
		}
	}
	cfg = cfg.WithDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	watch := brokerwatch.New(cfg.Brokers, cfg.Security, tell)
	client, err := kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(cfg.ClientID), kgo.DisableClientMetrics(), kgo.WithHooks(watch),
	}, cfg.Security.Options(), opts, cfg.Kafka)...)
	if err != nil {
		return nil, err
	}
	err = unreachable(ctx, client.Ping(ctx), cfg, watch)
	if err == nil {
		err = exist(ctx, client, use, topics)
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// unreachable explains that no broker answers, or that they refuse this program.
func unreachable(ctx context.Context, err error, cfg siskin.Config, watch *brokerwatch.Watch) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if refused := watch.Refused(ctx, err); refused != nil {
		return refused
	}
	return fail(exitUnreachable, fmt.Errorf("no broker answers at %s: %w", strings.Join(cfg.Brokers, ", "), err),
		`name another one with --brokers, or start one with "siskin broker"`)
}

func exist(ctx context.Context, client *kgo.Client, use security.Operation, topics []string) error {
	admin := kadm.NewClient(client)
	for _, topic := range topics {
		found, err := admin.ListTopics(ctx, topic)
		if err != nil {
			return fmt.Errorf("ask for the topic %q: %w", topic, security.OnTopic(use, topic, err))
		}
		if !found.Has(topic) {
			all, _ := admin.ListTopics(ctx) // only for the hint
			return fail(exitNoSuchTopic, fmt.Errorf("no such pattern or topic: %q", topic), similar(topic, all.Names()))
		}
		if err := found[topic].Err; err != nil {
			return fmt.Errorf("ask for the topic %q: %w", topic, err)
		}
	}
	return nil
}

// similar is a hint that names topics spelled nearly like topic. It borrows the
// rule by which cobra suggests verbs.
func similar(topic string, names []string) string {
	rule := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, name := range names {
		rule.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	if near := rule.SuggestionsFor(topic); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "start the service that makes it, or look for a typing mistake"
}
