package devbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// kfakeLog passes kfake's log lines to slog, and remembers the errors: writing
// the state at the end reports failures nowhere else.
type kfakeLog struct {
	log *slog.Logger

	mu   sync.Mutex
	errs []error
}

// Logf implements kfake.Logger.
func (l *kfakeLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level == kfake.LogLevelError {
		l.remember(fmt.Errorf(format, args...))
	}
	at := slogLevel(level)
	if !l.log.Enabled(context.Background(), at) {
		return
	}
	l.log.Log(context.Background(), at, fmt.Sprintf(format, args...))
}

func (l *kfakeLog) remember(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

// err is every error seen so far.
func (l *kfakeLog) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}

func slogLevel(level kfake.LogLevel) slog.Level {
	switch level {
	case kfake.LogLevelError:
		return slog.LevelError
	case kfake.LogLevelWarn:
		return slog.LevelWarn
	case kfake.LogLevelInfo:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
