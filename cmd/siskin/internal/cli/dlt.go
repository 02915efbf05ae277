package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/security"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func newDLT() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlt",
		Short: "Look at dead letters, put them back, remove them",
		Example: `  siskin dlt list                                     # what is there, by error
  siskin dlt list orders-dlt --error timeout          # each letter
  siskin dlt show orders-dlt/0@17
  siskin dlt redrive orders-dlt --error timeout --dry-run
  siskin dlt purge orders-dlt --redriven`,
		Long: `  A dead letter is a record that a service could not handle. It lies in a topic of
  its own, with headers that say where it was and what went wrong. This reads the
  headers of Siskin and Spring Kafka (plain and @RetryableTopic), SmallRye,
  Watermill, Spring Cloud Stream and Wolverine. What they do not say is unknown:
  Watermill, for one, writes no partition.

  redrive puts letters back to the topic and partition where they were, as they
  were: key, value and headers, without those of the dead letter. It adds two
  headers: siskin-redriven-from, the letter as topic/partition@offset, and
  siskin-redriven, how often the record was put back. Letters that were put back
  --max-redrives times are left, so that a record which fails for ever does not go
  round for ever. The time of the record is new. What comes to the dead-letter
  topic after the start waits for the next run.

  Each letter goes in one Kafka transaction with a note that it went. A run that
  was interrupted, even by kill -9, is simply started again: nothing is lost, and
  nothing comes twice to readers of committed records, such as Siskin and
  NestJS. (Clients that read uncommitted records may see some twice.) The notes
  are the offsets of the group siskin-redrive-TOPIC. Kafka forgets them when
  nobody has redriven for offsets.retention.minutes, 7 days by default: purge
  what was redriven before that.

  A letter stays where it is when it was redriven, and is not redriven again.
  Kafka can only remove the oldest records of a partition, so purge stops before
  the first letter that has to stay, and letters that a filter has left out stay
  too.

  Rights: list and show want READ on the topic and on the group
  siskin-redrive-TOPIC. redrive wants also WRITE on the transactional id of that
  name and on the topics of the records. purge wants DELETE on the topic.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("dlt has no %q; it has list, show, redrive and purge", args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newDLTList(), newDLTShow(), newDLTRedrive(), newDLTPurge())
	return cmd
}

// conventional reports whether topic is named as dead-letter topics are: by Siskin
// and Spring, by Spring before 3.3, by SmallRye.
func conventional(topic string) bool {
	return strings.HasSuffix(topic, "-dlt") || strings.HasSuffix(topic, ".DLT") || strings.HasPrefix(topic, "dead-letter-topic-")
}

// letterbox is a Kafka client and the dead-letter topics that it looks at.
type letterbox struct {
	*kgo.Client

	admin  *kadm.Client
	topics []*redrive.Topic
}

// openLetters reaches the topics; without any it takes all whose names are
// conventional.
func (c *connection) openLetters(cmd *cobra.Command, topics []string, opts ...kgo.Opt) (*letterbox, siskin.Config, error) {
	ctx := cmd.Context()
	cfg, err := c.config(cmd, siskin.Config{ClientID: "siskin-cli"})
	if err != nil {
		return nil, cfg, err
	}
	cfg = cfg.WithDefaults()
	client, err := reach(ctx, cfg, security.Read, topics, tellOutage(cfg.Logger, cmd.ErrOrStderr()), opts...)
	if err != nil {
		return nil, cfg, err
	}
	box := &letterbox{Client: client, admin: kadm.NewClient(client)}
	if len(topics) == 0 {
		topics, err = box.conventional(ctx)
	}
	if err == nil && len(topics) > 0 {
		box.topics, err = redrive.Open(ctx, box.admin, topics...)
	}
	if err != nil {
		client.Close()
		return nil, cfg, letterError(err)
	}
	return box, cfg, nil
}

func (b *letterbox) conventional(ctx context.Context) ([]string, error) {
	all, err := b.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for all topics: %w", err)
	}
	var found []string
	for _, name := range all.Names() {
		if conventional(name) {
			found = append(found, name)
		}
	}
	return found, nil
}

// letterError gives errors about dead letters their exit code.
func letterError(err error) error {
	switch {
	case errors.Is(err, redrive.ErrGone):
		return fail(exitNoSuchTopic, err, "")
	case errors.Is(err, redrive.ErrTakenOver):
		return fail(exitUnexpected, err, "let that one end, or start this one again to take over")
	}
	return err
}
