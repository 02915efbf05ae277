package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/siskin-go/siskin/internal/wire"
	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
)

// dltRedrive is the flags of the verb.
type dltRedrive struct {
	connection
	letterFilter
	consent

	to   string
	rate string
	max  int
	json bool
}

func newDLTRedrive() *cobra.Command {
	r := dltRedrive{}
	cmd := &cobra.Command{
		Use:   "redrive TOPIC",
		Short: "Put dead letters back to where they were",
		Example: `  siskin dlt redrive orders-dlt --dry-run
  siskin dlt redrive orders-dlt --error timeout --limit 1
  siskin dlt redrive orders-dlt --rate 50/s --yes`,
		Long: `  "siskin help dlt" says what is written and how runs go on where they were
  interrupted. Letters that cannot go back are left, and each is named with the
  reason; that is no failure of the command.`,
		Args: wants(1, "a dead-letter topic"),
	}
	r.connection.register(cmd)
	r.registerTimeout(cmd)
	r.letterFilter.register(cmd, "put back at most `N` letters, the oldest of each partition first")
	f := cmd.Flags()
	f.StringVar(&r.to, "to", "", "put all letters back to `TOPIC`, not to where each was")
	f.StringVar(&r.rate, "rate", "", "put back at most `N/s` letters a second")
	f.IntVar(&r.max, "max-redrives", 3, "leave letters that were put back `N` times already")
	f.BoolVar(&r.json, "json", false, "print one line of JSON a letter")
	r.consent.register(cmd)
	cmd.RunE = r.run
	return cmd
}

// job is what the flags ask for; its topic is still to be opened.
func (d *dltRedrive) job() (redrive.Job, error) {
	filter, err := d.filter()
	if err != nil {
		return redrive.Job{}, err
	}
	perSecond, err := parseRate(d.rate)
	switch {
	case err != nil:
		return redrive.Job{}, usageError(err)
	case d.max < 1:
		return redrive.Job{}, usageError(fmt.Errorf("--max-redrives %d: want a number from 1", d.max))
	case d.to != "" && wire.CheckTopic(d.to) != nil:
		return redrive.Job{}, usageError(fmt.Errorf("--to: %w", wire.CheckTopic(d.to)))
	}
	return redrive.Job{Filter: filter, To: d.to, Max: d.max, Limit: d.limit, Rate: perSecond}, nil
}

// parseRate reads N/s, or N; empty is no bound.
func parseRate(text string) (rate.Limit, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "/s"), 64)
	if err != nil || !(n > 0) {
		return 0, fmt.Errorf("--rate %q: want letters a second, such as 50/s", text)
	}
	return rate.Limit(n), nil
}

func (d *dltRedrive) run(cmd *cobra.Command, args []string) error {
	job, err := d.job()
	if err != nil {
		return err
	}
	if d.dryRun || !d.yes {
		planned, err := d.plan(cmd, args[0], job)
		if err != nil || d.dryRun {
			return letterError(err)
		}
		if planned.back == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "siskin: "+planned.String())
			return nil
		}
		if err := d.ask(cmd, planned.String()); err != nil {
			return err
		}
		job.Topic = planned.topic // its end, which was shown, stays the end
	}
	return letterError(d.redrive(cmd, args[0], job))
}

// plan finds out what a run would do, and prints it if that is all that is wanted.
func (d *dltRedrive) plan(cmd *cobra.Command, topic string, job redrive.Job) (*outcome, error) {
	box, _, err := d.openLetters(cmd, []string{topic}, redrive.ReadOptions()...)
	if err != nil {
		return nil, err
	}
	defer box.Close()
	job.Topic = box.topics[0]
	o := &outcome{topic: box.topics[0], verb: "would go back"}
	job.Report = func(s redrive.Step) error {
		o.count(s)
		if !d.dryRun {
			return nil
		}
		return d.print(cmd.OutOrStdout(), s, "would redrive")
	}
	if err := job.Plan(cmd.Context(), box.Client); err != nil {
		return nil, err
	}
	if d.dryRun {
		fmt.Fprintln(cmd.ErrOrStderr(), "siskin: "+o.String())
	}
	return o, nil
}

func (d *dltRedrive) redrive(cmd *cobra.Command, topic string, job redrive.Job) error {
	cfg, err := d.config(cmd, siskin.Config{ClientID: "siskin-cli"})
	if err != nil {
		return err
	}
	box, _, err := d.openLetters(cmd, []string{topic}, redrive.RunOptions(topic, cfg.WithDefaults().MaxRecordBytes)...)
	if err != nil {
		return err
	}
	defer box.Close()
	if job.Topic == nil {
		job.Topic = box.topics[0]
	}
	o := &outcome{topic: job.Topic, verb: "went back"}
	job.Report = func(s redrive.Step) error {
		o.count(s)
		return d.print(cmd.OutOrStdout(), s, "redriven")
	}
	err = job.Run(cmd.Context(), box.Client)
	fmt.Fprintln(cmd.ErrOrStderr(), "siskin: "+o.String())
	return err
}

func (d *dltRedrive) print(w io.Writer, s redrive.Step, verb string) error {
	if d.json {
		return printStepJSON(w, s)
	}
	var err error
	if s.Back == nil {
		_, err = fmt.Fprintf(w, "left %s: %s\n", s.Letter.Name(), harmless(s.Left))
	} else {
		_, err = fmt.Fprintf(w, "%s %s to %s/%d\n", verb, s.Letter.Name(), s.Back.Topic, s.Back.Partition)
	}
	return err
}

// jsonStep is a redrive.Step under names that stay.
type jsonStep struct {
	Letter    string `json:"letter"`
	Topic     string `json:"topic,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Redrives  int    `json:"redrives"`
	Left      string `json:"left,omitempty"`
}

func printStepJSON(w io.Writer, s redrive.Step) error {
	out := jsonStep{Letter: s.Letter.Name(), Redrives: s.Letter.Redriven, Left: s.Left}
	if s.Back != nil {
		out.Topic, out.Partition, out.Redrives = s.Back.Topic, &s.Back.Partition, s.Letter.Redriven+1
	}
	return printJSON(w, out)
}

// outcome counts what became of letters, or would.
type outcome struct {
	topic *redrive.Topic
	verb  string
	back  int
	to    map[string]int
	left  int
}

func (o *outcome) count(s redrive.Step) {
	if s.Back == nil {
		o.left++
		return
	}
	if o.to == nil {
		o.to = make(map[string]int)
	}
	o.back++
	o.to[s.Back.Topic]++
}

func (o *outcome) String() string {
	var to []string
	for _, topic := range slices.Sorted(maps.Keys(o.to)) {
		to = append(to, fmt.Sprintf("%d to %s", o.to[topic], topic))
	}
	text := fmt.Sprintf("%s: %d %s %s", o.topic.Name, o.back, plural(o.back, "letter", "letters"), o.verb)
	if len(to) > 0 {
		text += " (" + strings.Join(to, ", ") + ")"
	}
	if o.left > 0 {
		text += fmt.Sprintf(", %d left", o.left)
	}
	return text
}

func plural(n int, one, more string) string { return cmp.Or(map[bool]string{true: one}[n == 1], more) }
