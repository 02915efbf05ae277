package cli

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/siskin-go/siskin/cmd/siskin/internal/redrive"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

// letterFilter is the flags that choose dead letters.
type letterFilter struct {
	err     string
	handler string
	headers []string
	since   moment
	until   moment
	limit   int
}

func (f *letterFilter) register(cmd *cobra.Command, limit string) {
	flags := cmd.Flags()
	flags.StringVar(&f.err, "error", "", "only errors whose type or text matches `REGEX`")
	flags.StringVar(&f.handler, "handler", "", "only of the handler `NAME`, or of the group or topic of that name")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "only with the header `NAME=VALUE`; may repeat")
	flags.Var(&f.since, "since", "only letters written at `TIME` or later: 2006-01-02T15:04:05Z, 2006-01-02, or 2h for two hours ago")
	flags.Var(&f.until, "until", "only letters written before `TIME`")
	flags.IntVar(&f.limit, "limit", 0, limit)
}

func (f *letterFilter) filter() (redrive.Filter, error) {
	filter := redrive.Filter{Handler: f.handler, Since: f.since.Time, Until: f.until.Time}
	if f.limit < 0 {
		return filter, usageError(fmt.Errorf("--limit %d: want a number from 0", f.limit))
	}
	if f.err != "" {
		pattern, err := regexp.Compile(f.err)
		if err != nil {
			return filter, usageError(fmt.Errorf("--error: %w", err))
		}
		filter.Error = pattern
	}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok {
			return filter, usageError(fmt.Errorf("--header %q: want NAME=VALUE", h))
		}
		filter.Headers = append(filter.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return filter, nil
}

// moment is a flag: a point in time, or how long ago it was.
type moment struct{ time.Time }

// String is part of pflag.Value.
func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return stamp(m.Time)
}

// Type is part of pflag.Value.
func (m *moment) Type() string { return "TIME" }

// Set is part of pflag.Value.
func (m *moment) Set(text string) error {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			m.Time = at
			return nil
		}
	}
	return fmt.Errorf("want a time such as 2006-01-02T15:04:05Z, a day such as 2006-01-02 (UTC), or how long ago such as 2h")
}
