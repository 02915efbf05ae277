package dedupe

import (
	"errors"
	"time"

	"github.com/siskin-go/siskin"
)

// Bounds say how much is remembered. What is first over makes the oldest outcome
// forgotten. The zero value of a field means its default.
type Bounds struct {
	// Entries is how many outcomes. Default: 100,000. At most 100 million.
	Entries int
	// Bytes is how much memory they take, about: their replies and 256 bytes
	// each. Default: 64 MiB. At least 4 KiB.
	Bytes int
	// Age is how long an outcome is remembered. Choose it longer than the
	// longest way of a duplicate: a caller's last attempt, or the time until a
	// crashed instance is back. Default: 1 hour. At least 1 second, at most
	// 365 days.
	Age time.Duration
}

// entryBytes is about what an outcome without replies takes.
const entryBytes = 256

func (b Bounds) withDefaults() (Bounds, error) {
	if b.Entries == 0 {
		b.Entries = 100_000
	}
	if b.Bytes == 0 {
		b.Bytes = 64 << 20
	}
	if b.Age == 0 {
		b.Age = time.Hour
	}
	var errs []error
	bad := func(field string, value any, want string) {
		errs = append(errs, wrong("Bounds."+field, value, want))
	}
	if b.Entries < 1 || b.Entries > 100_000_000 {
		bad("Entries", b.Entries, "want 1 to 100000000, or 0 for the default")
	}
	if b.Bytes < 4<<10 {
		bad("Bytes", b.Bytes, "want at least 4096, or 0 for the default")
	}
	if b.Age < time.Second || b.Age > 365*24*time.Hour {
		bad("Age", b.Age, "want 1s to 8760h, or 0 for the default")
	}
	return b, errors.Join(errs...)
}

func wrong(field string, value any, want string) error {
	return &siskin.ConfigError{Field: "dedupe." + field, Value: value, Err: errors.New(want)}
}
