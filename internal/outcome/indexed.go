package outcome

import (
	"errors"
	"fmt"
)

// indexed is the error of one record of a batch.
type indexed struct {
	index int
	err   error
}

func (e *indexed) Error() string { return fmt.Sprintf("record %d of the batch: %v", e.index, e.err) }

func (e *indexed) Unwrap() error { return e.err }

// AtError says that the record with this index is the one that err is about.
func AtError(index int, err error) error { return &indexed{index, err} }

// Split gives what the handler of a batch of n records returned to single ones: each
// is called with those that AtError names. The rest is what is not about one of
// them, and so about all others.
func Split(err error, n int, each func(index int, err error)) (rest error) {
	if _, named := errors.AsType[*indexed](err); !named {
		return err
	}
	var others []error
	split(err, err, func(e *indexed, err error) {
		if e.index < 0 || e.index >= n {
			others = append(others, fmt.Errorf("the handler names record %d of a batch of %d: %w", e.index, n, e.err))
			return
		}
		each(e.index, err)
	}, func(err error) { others = append(others, err) })
	if len(others) == 1 {
		return others[0]
	}
	return errors.Join(others...)
}

// split walks through err. top is the error around it that is about nothing else.
func split(err, top error, named func(*indexed, error), other func(error)) {
	if e, ok := err.(*indexed); ok { //nolint:errorlint // this is the walk
		if err == top {
			top = e.err
		}
		named(e, top)
		return
	}
	if _, named := errors.AsType[*indexed](err); !named {
		other(top)
		return
	}
	switch e := err.(type) { //nolint:errorlint // this is the walk
	case interface{ Unwrap() error }:
		split(e.Unwrap(), top, named, other)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if part != nil {
				split(part, part, named, other)
			}
		}
	}
}
