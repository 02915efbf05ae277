package siskin_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/siskin-go/siskin"
	"github.com/siskin-go/siskin/devbroker"
	"github.com/siskin-go/siskin/siskintest"
)

// playground is what each example needs around its point: a broker, settings
// for it, and the end of everything.
type playground struct {
	cfg  siskin.Config
	ends []func() error
}

// play starts a broker, or uses the one of SISKIN_BROKERS.
func play() *playground {
	p := &playground{cfg: siskin.Config{
		Group: siskintest.Name("example"), Topics: "create", Logger: slog.New(slog.DiscardHandler),
		RetryInitial: time.Millisecond,
	}}
	if siskintest.Real() {
		p.cfg.Brokers = strings.Split(os.Getenv(siskintest.BrokersEnv), ",")
		return p
	}
	broker, err := devbroker.Start(devbroker.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		panic(err)
	}
	p.cfg.Brokers = broker.Addrs()
	p.ends = append(p.ends, broker.Close)
	return p
}

// service returns a service to register handlers with; run starts it.
func (p *playground) service() *siskin.Service {
	svc, err := siskin.NewService(p.cfg)
	if err != nil {
		panic(err)
	}
	return svc
}

func (p *playground) run(svc *siskin.Service) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	p.ends = append(p.ends, func() error {
		cancel()
		return <-ended
	})
	if err := svc.Ready(ctx); err != nil {
		panic(err)
	}
}

func (p *playground) client() *siskin.Client {
	client, err := siskin.NewClient(p.cfg)
	if err != nil {
		panic(err)
	}
	p.ends = append(p.ends, func() error { return client.Close(context.Background()) })
	return client
}

// end stops everything, the last started first.
func (p *playground) end() {
	var err error
	for i := len(p.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, p.ends[i]())
	}
	if err != nil {
		panic(err)
	}
}
