package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/siskin-go/siskin"
	"github.com/spf13/cobra"
)

func newCall() *cobra.Command {
	var o outgoing
	cmd := &cobra.Command{
		Use:   "call PATTERN JSON|@FILE|-",
		Short: "Send a request and print the reply",
		Example: `  siskin call sum '[1,2,3]'
  siskin call orders.get '{"id":1}' -H tenant:acme --timeout 2s
  jq .order shop.json | siskin call orders.check - --json`,
		Long: `  The payload goes on the wire as NestJS would write it: a JSON string as its
  bare text, null as a record without a value, all else as it is given. The
  reply is printed as it came; with --json always as JSON, with --raw byte for
  byte. A pattern that nobody serves is not created.`,
		Args: wants(2, "a pattern and a payload"),
	}
	o.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := o.message(cmd, args)
		if err != nil {
			return err
		}
		var reply json.RawMessage
		err = m.send(cmd.Context(), func(client *siskin.Client) (err error) {
			reply, err = siskin.Send[json.RawMessage](cmd.Context(), client, m.topic, m.value, m.opts...)
			return err
		})
		if err != nil {
			return err
		}
		return o.printReply(cmd.OutOrStdout(), reply)
	}
	return cmd
}

// printReply prints a reply as bare as it is asked for. What could move the
// cursor of a terminal or change its colors is shown quoted there.
func (o *outgoing) printReply(w io.Writer, reply []byte) error {
	var err error
	switch {
	case o.raw:
		_, err = w.Write(reply)
	case o.json && json.Valid(reply):
		var line bytes.Buffer
		if err := json.Compact(&line, reply); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", line.Bytes())
	case o.json:
		err = printJSON(w, blob(reply))
	case reply == nil:
		_, err = fmt.Fprintln(w, "null")
	case terminal(w) && !printable(reply):
		_, err = fmt.Fprintf(w, "%q\n", reply)
	default:
		_, err = fmt.Fprintf(w, "%s\n", reply)
	}
	return err
}
