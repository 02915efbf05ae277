package security_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/events"
	"github.com/siskin-go/siskin/internal/testsecure"
	"github.com/siskin-go/siskin/security"
	"github.com/siskin-go/siskin/siskintest"
)

// A service that has worked goes on when its password no longer fits, and works
// again when it does: the file with it is read again. The broker's listener asks
// for it every few seconds.
func TestPasswordThatChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := newDiary()
	pattern, group := siskintest.Name("double"), siskintest.Name("group")
	settings := s.userOfLimited(t, pattern, group)
	right := settings.Password.Reveal()
	settings.PasswordFile, settings.Password = write(t, right), ""
	cfg := config(d, s.limited, settings)
	cfg.Group = group
	rpc := siskin.NewRPC[int, int](pattern)
	svc := service(t, cfg)
	rpc.Handle(svc, double)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	if err := svc.Ready(ctx); err != nil {
		t.Fatal(err)
	}

	replace(t, settings.PasswordFile, "not-the-secret")
	e := wait(t, d, func(events.BrokerRefused) bool { return true })
	if e.Broker != s.limited || !errors.Is(e.Err, security.ErrAuthentication) {
		t.Errorf("got %+v, want a refusal by %s", e, s.limited)
	}
	if len(svc.Health().Problems) == 0 {
		t.Error("the health is good")
	}
	replace(t, settings.PasswordFile, right)
	wait(t, d, func(events.BrokerBack) bool { return true })
	if got, err := rpc.Send(ctx, client(t, cfg), 21); err != nil || got != 42 {
		t.Errorf("got %d, %v; want 42", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A client's calls fail at once meanwhile, and by name.
func TestPasswordOfAClientThatChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := newDiary()
	pattern, group := siskintest.Name("double"), siskintest.Name("group")
	settings := s.userOfLimited(t, pattern, group)
	right := settings.Password.Reveal()
	settings.PasswordFile, settings.Password = write(t, right), ""
	c := client(t, config(d, s.limited, settings))
	emit := func() error {
		_, err := c.Emit(testContext(t), pattern, 1)
		return err
	}
	if err := emit(); err != nil {
		t.Fatal(err)
	}
	replace(t, settings.PasswordFile, "not-the-secret")
	var err error
	testsecure.Await(t, "the refusal", func() bool {
		err = emit()
		return err != nil
	})
	if !errors.Is(err, siskin.ErrAuthentication) {
		t.Errorf("got %v, want ErrAuthentication", err)
	}
	replace(t, settings.PasswordFile, right)
	testsecure.Await(t, "the way back", func() bool { return emit() == nil })
}

// userOfLimited is somebody who may run the pattern on the listener that asks
// again.
func (s *site) userOfLimited(t *testing.T, pattern, group string) security.Settings {
	t.Helper()
	if !s.shared {
		return security.Settings{TLS: true, CAFile: s.CA, Mechanism: security.ScramSHA512, User: testsecure.Root, Password: testsecure.RootPassword}
	}
	settings := s.user(t, security.ScramSHA512)
	s.topics(t, pattern, pattern+".reply")
	s.Grant(t, "User:"+settings.User, needs(pattern, group)...)
	return settings
}

func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
