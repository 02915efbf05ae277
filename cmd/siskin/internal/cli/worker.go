package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/examples/demo/mathsvc"
)

// startWorker runs the half of the demo that handles requests and events.
func startWorker(s *stage, cfg siskin.Config, printed io.Writer) error {
	release := func() {}
	if cfg.InstanceID == "" {
		cfg.InstanceID, release = slot(append([]string{cfg.Group}, cfg.Brokers...)...)
	}
	svc, err := siskin.NewService(cfg)
	if err != nil {
		release()
		return err
	}
	mathsvc.Register(svc, printed)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		defer release()
		err := svc.Run(ctx)
		if err != nil {
			s.fail(err)
		}
		ended <- err
	}()
	s.add(part{
		ready: svc.Ready,
		stop: func() error {
			svc.Leave() // another worker need not wait whether this one comes back
			cancel()
			return <-ended
		},
	})
	fmt.Fprintf(s.tell, "worker  sum, max, print  in the consumer group %s\n", svc.Config().Group)
	return nil
}
