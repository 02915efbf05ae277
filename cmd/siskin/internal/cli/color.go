package cli

import (
	"io"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
)

// colored reports whether w is a terminal whose user has not turned colors off.
func colored(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// dim makes text step back, if w shows colors.
func dim(w io.Writer, text string) string {
	if !colored(w) {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// newLogger writes what a person at a terminal wants to know.
func newLogger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !colored(w)}))
}
