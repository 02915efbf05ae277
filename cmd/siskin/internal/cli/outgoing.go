package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/security"
	"github.com/spf13/cobra"
)

// outgoing is the flags of a verb that sends a record.
type outgoing struct {
	connection

	key     string
	headers []string
	raw     bool
	json    bool
}

func (o *outgoing) register(cmd *cobra.Command) {
	o.connection.register(cmd)
	o.registerTimeout(cmd)
	f := cmd.Flags()
	f.StringVar(&o.key, "key", "", "`KEY` of the record; records with one key stay in order")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "header as `NAME:VALUE`; may repeat")
	f.BoolVar(&o.raw, "raw", false, "send the payload as it is, be it JSON or not")
	f.BoolVar(&o.json, "json", false, "print one line of JSON")
}

// options turns the flags into options of a call.
func (o *outgoing) options(cmd *cobra.Command) ([]siskin.CallOption, error) {
	var opts []siskin.CallOption
	if cmd.Flags().Changed("key") {
		opts = append(opts, siskin.WithKey(o.key))
	}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		switch {
		case !ok || name == "":
			return nil, usageError(fmt.Errorf("header %q: want NAME:VALUE", h))
		case strings.HasPrefix(name, "kafka_") || strings.HasPrefix(name, "siskin-"):
			return nil, usageError(fmt.Errorf("header %q: names that begin with kafka_ or siskin- are not yours to set", name))
		}
		opts = append(opts, siskin.WithHeader(name, strings.TrimLeft(value, " ")))
	}
	return opts, nil
}

// message is a record to send, with all that is needed to send it.
type message struct {
	topic string
	value any
	opts  []siskin.CallOption
	cfg   siskin.Config
}

// message reads the arguments and settings; nothing is sent when one is wrong.
func (o *outgoing) message(cmd *cobra.Command, args []string) (message, error) {
	value, err := payload(args[1], cmd.InOrStdin(), o.raw)
	if err != nil {
		return message{}, err
	}
	opts, err := o.options(cmd)
	if err != nil {
		return message{}, err
	}
	cfg, err := o.config(cmd, siskin.Config{ClientID: "siskin-cli"})
	if !o.verbose {
		cfg.Logger = slog.New(slog.DiscardHandler) // the error at the end says enough
	}
	return message{topic: args[0], value: value, opts: opts, cfg: cfg}, err
}

// send runs fn with a client, once the topic is known to exist.
func (m message) send(ctx context.Context, fn func(*siskin.Client) error) (err error) {
	kafka, err := reach(ctx, m.cfg, security.Write, []string{m.topic}, silent)
	if err != nil {
		return err
	}
	defer kafka.Close()
	client, err := siskin.NewClient(m.cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeClient(client)) }()
	return fn(client)
}

// closeClient waits for the broker, but not for long.
func closeClient(client *siskin.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return client.Close(ctx)
}
