package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/config"
	"github.com/spf13/cobra"
)

// The exit codes, as "siskin help exit-codes" explains them.
const (
	exitOK          = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitRemote      = 3
	exitNoReply     = 4
	exitNoSuchTopic = 5
	exitUnreachable = 6
	exitPayload     = 7
)

func newExitCodes() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes of siskin mean",
		Long: `  0    done
  1    something unexpected; the message says what
  2    the command line, a setting or a named file is wrong
  3    the service answered with an error
  4    no reply in time; the service may have handled the request
  5    no such topic, or nothing serves the pattern
  6    the broker cannot be reached, or lets this user do nothing
  7    the payload is not what it should be
  130  ended by Ctrl-C (SIGINT), 143 by SIGTERM; "demo" and "broker" end
       orderly at the first signal, with 0`,
	}
}

// failure is an error with its exit code and the next step to take.
type failure struct {
	code int
	hint string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, err error, hint string) error { return &failure{code: code, hint: hint, err: err} }

// usageError is a mistake in the command line; report names the help to read.
func usageError(err error) error { return fail(exitUsage, err, "") }

// report prints the error of a verb and returns the exit code.
func report(ctx context.Context, stderr io.Writer, verb string, err error) int {
	if err == nil {
		return exitOK
	}
	if by, ok := errors.AsType[interrupted](context.Cause(ctx)); ok && errors.Is(err, context.Canceled) {
		return by.code()
	}
	f := explain(verb, err)
	fmt.Fprintln(stderr, "siskin: "+harmless(strings.TrimPrefix(f.Error(), "siskin: ")))
	if f.hint != "" {
		fmt.Fprintln(stderr, "next: "+harmless(f.hint))
	}
	return f.code
}

// explain finds the exit code and the next step for errors of the library.
func explain(verb string, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		hint := f.hint
		if f.code == exitUsage && hint == "" {
			hint = fmt.Sprintf("see %q", verb+" --help")
		}
		return &failure{code: f.code, hint: hint, err: err} // err may say more than f
	}
	f := &failure{code: exitUnexpected, err: err}
	verdict, authored := errors.AsType[*siskin.Error](err)
	switch {
	case authored && verdict.Remote:
		f.code, f.hint = remote(verdict)
	case authored && verdict.Code == siskin.CodeInvalid:
		f.code = exitPayload
	case errors.Is(err, siskin.ErrNoReply):
		f.code, f.hint = exitNoReply, "start the service, or wait longer with --timeout"
	case errors.Is(err, siskin.ErrMissingTopics):
		f.code, f.hint = exitNoSuchTopic, "SISKIN_TOPICS=create makes topics that a call needs"
	case errors.Is(err, siskin.ErrAuthentication):
		f.code, f.hint = exitUnreachable, `see "siskin help security"`
	case errors.Is(err, siskin.ErrAuthorization):
		f.code = exitUnreachable
	case errors.Is(err, siskin.ErrUnavailable):
		f.code, f.hint = exitUnreachable, "see whether the broker is well, or wait longer with --timeout"
	case isSetting(err):
		f.code = exitUsage
	}
	return f
}

// remote is for an error that a service sent.
func remote(e *siskin.Error) (code int, hint string) {
	if e.Code == siskin.CodeUnimplemented {
		return exitNoSuchTopic, ""
	}
	if len(e.Details) > 0 {
		hint = "the service's details: " + string(e.Details)
	}
	return exitRemote, hint
}

// denied reports whether the brokers let this program do nothing.
func denied(err error) bool {
	return errors.Is(err, siskin.ErrAuthentication) || errors.Is(err, siskin.ErrAuthorization)
}

func isSetting(err error) bool {
	_, loaded := errors.AsType[*config.Error](err)
	_, set := errors.AsType[*siskin.ConfigError](err)
	return loaded || set
}
