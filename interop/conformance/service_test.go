package conformance_test

import (
	"context"
	"regexp"

	"github.com/siskin-go/siskin"
)

// behaviour is what the handlers of the Siskin service do.
type behaviour func(ctx context.Context, send func(any) error) error

// returns is a handler with one result.
func returns(v any) behaviour {
	return func(_ context.Context, send func(any) error) error { return send(v) }
}

// streams is a handler that sends the values and ends with err.
func streams(err error, values ...any) behaviour {
	return func(_ context.Context, send func(any) error) error {
		for _, v := range values {
			if err := send(v); err != nil {
				return err
			}
		}
		return err
	}
}

// does makes b what the handlers do from now on.
func (s *stage) does(b behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doing = b
}

func (s *stage) behaviour() behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doing
}

// register gives the service its handlers.
func (s *stage) register(svc *siskin.Service) {
	for _, t := range goTypes {
		t.handle(s, svc)
	}
	siskin.Handle(svc, s.topic("go.run"), func(ctx context.Context, v any) (result any, err error) {
		s.delivered(ctx, v)
		err = s.behaviour()(ctx, func(v any) error {
			result = v
			return nil
		})
		return result, err
	})
	siskin.HandleStream(svc, s.topic("go.stream"), func(ctx context.Context, v any, send func(any) error) error {
		s.delivered(ctx, v)
		return s.behaviour()(ctx, send)
	})
	for range 2 {
		siskin.On(svc, s.topic("go.events"), func(ctx context.Context, v any) error {
			s.delivered(ctx, v)
			return nil
		})
	}
	s.registerByExpression(svc)
}

// registerByExpression has the topics go.rx.… read by an expression, but for
// those that have a handler of their own.
func (s *stage) registerByExpression(svc *siskin.Service) {
	named := func(name string) func(context.Context, string) (string, error) {
		return func(ctx context.Context, v string) (string, error) {
			s.delivered(ctx, v)
			return name, nil
		}
	}
	siskin.Handle(svc, s.expression("go.rx."), named("first expression"))
	siskin.Handle(svc, s.expression("go.rx.b"), named("second expression"))
	siskin.Handle(svc, s.topic("go.rx.exact"), named("exact"))
	siskin.Handle(svc, s.digits+"e4", named("number"))
}

// expression is one of all topics that begin with name.
func (s *stage) expression(name string) string {
	return "/^" + regexp.QuoteMeta(s.topic(name)) + "/"
}
