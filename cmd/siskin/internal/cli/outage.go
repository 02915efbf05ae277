package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/siskin-go/siskin/events"
	"github.com/twmb/franz-go/pkg/kgo"
)

// silent tells nothing: the error at the end says enough.
func silent(events.Event) {}

// tellBack tells when the brokers are back. That they are away is logged as an
// error; that they are back is logged too, but not as loudly as people wait for
// it.
func tellBack(w io.Writer) events.Sink {
	return func(e events.Event) {
		if back, ok := e.(events.BrokerBack); ok {
			fmt.Fprintf(w, "siskin: the broker answers again, after %v\n", back.After.Round(time.Millisecond))
		}
	}
}

// tellOutage tells when the brokers are away and when they are back. A
// connection that this program has given up itself is no outage.
func tellOutage(log *slog.Logger, w io.Writer) events.Sink {
	away, back := events.Log(log), tellBack(w)
	return func(e events.Event) {
		if a, ok := e.(events.BrokerAway); ok &&
			(errors.Is(a.Err, kgo.ErrClientClosed) || errors.Is(a.Err, context.Canceled)) {
			return
		}
		away(e)
		back(e)
	}
}
