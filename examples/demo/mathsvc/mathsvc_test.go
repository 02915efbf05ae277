package mathsvc_test

import (
	"errors"
	"testing"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathapi"
	"github.com/siskin-go/siskin/examples/demo/mathsvc"
	"github.com/siskin-go/siskin/siskintest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the math service and returns a client of it, and what it prints.
func serve(t *testing.T) (*siskin.Client, <-chan string) {
	t.Helper()
	cfg := siskintest.Config(t)
	svc, err := siskin.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	printed := make(lines, 100)
	mathsvc.Register(svc, printed)
	siskintest.Run(t, svc)
	return siskintest.Client(t, cfg), printed
}

// lines is a writer that hands on each line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestSum(t *testing.T) {
	t.Parallel()
	client, _ := serve(t)
	for _, test := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{1, 2, 3}, 6},
		{[]float64{0.5, -2}, -1.5},
		{nil, 0},
	} {
		if got, err := mathapi.Sum.Send(t.Context(), client, test.xs); err != nil || got != test.want {
			t.Errorf("the sum of %v is %v, %v; want %v", test.xs, got, err, test.want)
		}
	}
}

func TestMax(t *testing.T) {
	t.Parallel()
	client, _ := serve(t)
	if got, err := mathapi.Max.Send(t.Context(), client, []float64{4, 9, 2}); err != nil || got != 9 {
		t.Errorf("got %v, %v; want 9", got, err)
	}
	_, err := mathapi.Max.Send(t.Context(), client, nil)
	e, ok := errors.AsType[*siskin.Error](err)
	if !ok || e.Code != siskin.CodeInvalid || !e.Remote || e.Message == "" {
		t.Errorf("the largest of nothing: got %v, want the service to say what is wrong with it", err)
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	client, printed := serve(t)
	text := siskintest.Name("hi") // on a shared broker, others print too
	if _, err := mathapi.Print.Emit(t.Context(), client, text); err != nil {
		t.Fatal(err)
	}
	late := time.After(20 * time.Second)
	for {
		select {
		case line := <-printed:
			if line == "print: "+text+"\n" {
				return
			}
		case <-late:
			t.Fatal("it was not printed")
		}
	}
}
