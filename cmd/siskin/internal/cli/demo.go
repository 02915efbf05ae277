package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/spf13/cobra"
)

// demo is the flags of the verb.
type demo struct {
	connection

	listen string
	role   string
}

func newDemo() *cobra.Command {
	d := demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a broker, a service and an HTTP app that calls it",
		Example: `  siskin demo
  siskin demo --brokers localhost:9092         # on a Kafka that runs already
  siskin demo --role worker                    # the halves as two programs, on one broker
  siskin demo --role http`,
		Long: `  Topics, groups and client ids are those of the NestJS example, so a NestJS
  program can take the place of either half. Without brokers by flag, variable
  or file it brings its own, on port 9092 or the next free one; with --role
  worker or http it uses 127.0.0.1:9092. It makes the topics that it needs;
  SISKIN_TOPICS=verify or wait changes that.

  A port that --listen names is used or it is an error; without --listen it is
  3000 or the next free one, for this machine only.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&d.listen, "listen", "", "`HOST:PORT` of the HTTP app; without a host for all machines")
	f.StringVar(&d.role, "role", "all", "`PART` to run: all, worker or http")
	d.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains([]string{"all", "worker", "http"}, d.role) {
			return usageError(fmt.Errorf("--role %q: want all, worker or http", d.role))
		}
		return d.run(cmd)
	}
	return cmd
}

func (d *demo) run(cmd *cobra.Command) error {
	cfg, err := d.config(cmd, siskin.Config{ClientID: "nestjs", Group: "nestjs-consumer", Topics: "create"})
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(cmd.Context())
	defer fail(nil)
	s := stage{fail: fail, tell: cmd.ErrOrStderr()}
	cfg.Observe = tellBack(s.tell)
	err = d.start(&s, cfg, cmd.OutOrStdout())
	if err == nil {
		err = s.ready(ctx)
	}
	if err == nil {
		<-ctx.Done()
	}
	if cmd.Context().Err() != nil {
		fmt.Fprintln(s.tell, "siskin: stopping; Ctrl-C again stops at once")
		err = nil // asked for
	}
	return errors.Join(err, s.stop())
}

// start puts the parts that the role asks for on the stage.
func (d *demo) start(s *stage, cfg siskin.Config, printed io.Writer) error {
	where := ""
	if len(cfg.Brokers) == 0 && d.role == "all" {
		b, err := devbroker.Start(devbroker.Config{Logger: cfg.Logger})
		if err != nil {
			return err
		}
		s.add(part{stop: b.Close})
		cfg.Brokers, where = b.Addrs(), "  embedded, in memory; a NestJS program can use it too"
	}
	cfg = cfg.WithDefaults()
	fmt.Fprintf(s.tell, "broker  %s%s\n", strings.Join(cfg.Brokers, ","), where)
	if d.role != "http" {
		if err := startWorker(s, cfg, printed); err != nil {
			return err
		}
	}
	if d.role != "worker" {
		return startWeb(s, cfg, d.listen)
	}
	return nil
}

// stage holds the parts of the demo that run.
type stage struct {
	fail  context.CancelCauseFunc // ends the demo because of an error
	tell  io.Writer
	parts []part
}

// part is a program of the demo while it runs.
type part struct {
	ready func(context.Context) error // waits until it can do its work
	stop  func() error                // ends it and returns why it failed, if it did
	hint  string                      // what to try, once all are ready
}

func (s *stage) add(p part) { s.parts = append(s.parts, p) }

// ready waits for all parts, however long their broker is away.
func (s *stage) ready(ctx context.Context) error {
	const patience = 1500 * time.Millisecond
	waiting := time.AfterFunc(patience, func() { fmt.Fprintln(s.tell, "siskin: waiting for the broker") })
	defer waiting.Stop()
	for _, p := range s.parts {
		if p.ready == nil {
			continue
		}
		if err := p.ready(ctx); err != nil {
			return s.why(ctx, err)
		}
	}
	for _, p := range s.parts {
		fmt.Fprint(s.tell, p.hint)
	}
	fmt.Fprintln(s.tell, "ready; Ctrl-C ends it")
	return nil
}

// why is nil when a part failed or a signal came: stop tells then.
func (s *stage) why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stop ends the parts in the reverse order of their start, so that what is
// called outlives its callers.
func (s *stage) stop() error {
	var errs []error
	for _, p := range slices.Backward(s.parts) {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}
