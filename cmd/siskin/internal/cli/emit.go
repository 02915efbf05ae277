package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/spf13/cobra"
)

func newEmit() *cobra.Command {
	var o outgoing
	cmd := &cobra.Command{
		Use:   "emit TOPIC JSON|@FILE|-",
		Short: "Send an event and print where the broker stored it",
		Example: `  siskin emit print '"hi"'
  siskin emit orders.placed '{"id":1}' --key 1 --json
  siskin emit images @cat.png --raw`,
		Long: `  The payload goes on the wire as NestJS would write it: a JSON string as its
  bare text, null as a record without a value, all else as it is given. A topic
  that does not exist is not created.`,
		Args: wants(2, "a topic and a payload"),
	}
	o.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := o.message(cmd, args)
		if err != nil {
			return err
		}
		var meta siskin.RecordMetadata
		err = m.send(cmd.Context(), func(client *siskin.Client) (err error) {
			meta, err = client.Emit(cmd.Context(), m.topic, m.value, m.opts...)
			return err
		})
		if err != nil {
			return err
		}
		return o.printStored(cmd.OutOrStdout(), meta)
	}
	return cmd
}

func (o *outgoing) printStored(w io.Writer, m siskin.RecordMetadata) error {
	if o.json {
		return printJSON(w, metadata{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Timestamp: stamp(m.Timestamp),
		})
	}
	_, err := fmt.Fprintf(w, "topic=%s partition=%d offset=%d timestamp=%s\n",
		m.Topic, m.Partition, m.Offset, stamp(m.Timestamp))
	return err
}

// metadata is siskin.RecordMetadata under names that stay.
type metadata struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Timestamp string `json:"timestamp"`
}

// stamp is a time with the precision that Kafka keeps.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
