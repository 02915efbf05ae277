package devbroker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/siskin-go/siskin/devbroker/internal/datadir"
)

const clusterID = "siskin-devbroker"

// Broker is a running broker. It is safe for concurrent use.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	moved   bool

	topics *topicMaker
	joins  *joins // nil with TLS, or on listeners of the caller's own
	log    *kfakeLog
	folder *folder // nil without a data folder
	keeper *keeper // nil without a data folder

	stopSweep chan struct{}
	swept     chan struct{}

	closeOnce sync.Once
	closeErr  error
	done      chan struct{}
}

// Start starts a broker. It returns when clients can connect, with its topics
// and state in place; the caller closes it.
//
// Errors name the address or folder at fault. ErrPortTaken, ErrFolderInUse
// and ErrForeignFolder can be told apart with errors.Is. After an error
// nothing is left running or locked.
func Start(cfg Config) (*Broker, error) {
	b, err := start(cfg.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("devbroker: %w", err)
	}
	return b, nil
}

func start(cfg Config) (*Broker, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	want, err := parseListen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	home, err := openHome(cfg)
	if err != nil {
		return nil, err
	}
	lns, moved, err := binder{listen: cfg.ListenFunc, exact: cfg.ExactPort}.openAll(want, cfg.Nodes)
	if err != nil {
		return nil, errors.Join(err, home.close())
	}
	b := &Broker{
		moved:     moved,
		folder:    home,
		log:       &kfakeLog{log: cfg.Logger},
		stopSweep: make(chan struct{}),
		swept:     make(chan struct{}),
		done:      make(chan struct{}),
	}
	if err := b.run(cfg, lns); err != nil {
		closeAll(lns)
		return nil, errors.Join(err, home.close())
	}
	return b, nil
}

// openHome takes and mends the data folder, if there is to be one.
func openHome(cfg Config) (*folder, error) {
	if cfg.DataDir == "" {
		return nil, nil
	}
	home, err := openFolder(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if err := datadir.Recover(home.path, cfg.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %q cannot be mended: %w", cfg.DataDir, err), home.close())
	}
	return home, nil
}

// run starts kfake on the listeners and lets clients in.
func (b *Broker) run(cfg Config, lns []net.Listener) error {
	ready := make(chan struct{})
	gates, err := b.gates(cfg, lns, ready)
	if err != nil {
		return err
	}
	if b.cluster, err = kfake.NewCluster(b.options(cfg, gates)...); err != nil {
		return startError(cfg, err)
	}
	if err := b.keep(cfg); err != nil {
		b.cluster.Close()
		return err
	}
	b.topics = &topicMaker{cluster: b.cluster, partitions: cfg.Partitions, log: cfg.Logger}
	for _, t := range cfg.Topics {
		if err := b.topics.create(t); err != nil {
			b.cluster.Close()
			return err
		}
	}
	b.topics.install()
	if cfg.TLS == nil && cfg.ownListener {
		b.joins = newJoins(b.cluster, lns[0].Addr().String())
		b.joins.install()
	}
	go b.sweep(cfg.RetentionCheck)
	close(ready)
	b.announce(cfg, cfg.Logger)
	return nil
}

// keep sees to it that a kill costs nothing, if there is a data folder.
func (b *Broker) keep(cfg Config) error {
	if b.folder == nil {
		return nil
	}
	if err := datadir.Loaded(b.folder.path); err != nil {
		return fmt.Errorf("data folder %q: %w", cfg.DataDir, err)
	}
	b.keeper = newKeeper(b.cluster, b.folder.path, cfg.SyncWrites, cfg.Logger)
	b.keeper.install()
	return nil
}

// gates wraps the listeners and notes the addresses that clients are told.
func (b *Broker) gates(cfg Config, lns []net.Listener, ready <-chan struct{}) ([]*gate, error) {
	gates := make([]*gate, len(lns))
	for i, ln := range lns {
		addr, err := advertised(ln.Addr(), cfg.Advertise)
		if err != nil {
			return nil, err
		}
		b.addrs = append(b.addrs, addr)
		gates[i] = newGate(ln, addr, ready, cfg.TLS, cfg.Logger)
	}
	return gates, nil
}

// options are kfake's options: the user's first, so that ours win.
func (b *Broker) options(cfg Config, gates []*gate) []kfake.Opt {
	opts := append([]kfake.Opt{kfake.ClusterID(clusterID)}, cfg.Options...)
	opts = append(opts,
		kfake.Ports(make([]int, len(gates))...), // one a gate; the numbers are not used
		kfake.ListenFn(inTurn(gates)),
		kfake.DefaultNumPartitions(cfg.Partitions),
		kfake.WithLogger(b.log),
	)
	if b.folder != nil {
		opts = append(opts, kfake.DataDir(b.folder.path), keeperOptions())
	}
	if cfg.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	return opts
}

// inTurn is a listen function that hands out the gates, one a call.
func inTurn(gates []*gate) func(network, address string) (net.Listener, error) {
	return func(string, string) (net.Listener, error) {
		if len(gates) == 0 {
			return nil, errors.New("devbroker: no listener is left: nodes cannot be added")
		}
		next := gates[0]
		gates = gates[1:]
		return next, nil
	}
}

func startError(cfg Config, err error) error {
	if cfg.DataDir == "" {
		return fmt.Errorf("start: %w", err)
	}
	return fmt.Errorf("data folder %q cannot be loaded: %w; move it away to start empty", cfg.DataDir, err)
}

// announce logs where the broker is.
func (b *Broker) announce(cfg Config, log *slog.Logger) {
	if b.moved {
		log.Warn("port taken, using the next free one", "wanted", cfg.Listen, "addr", b.Addr())
	}
	log.Info("broker started", "addrs", b.addrs, "data", cfg.DataDir)
}

// sweep applies retention from time to time, until Close. kfake does it hourly,
// and after loading a data folder not at all until a topic is created.
func (b *Broker) sweep(every time.Duration) {
	defer close(b.swept)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var settle chan struct{}
	apply := b.cluster.ApplyRetention
	if b.keeper != nil {
		settle, apply = b.keeper.settle, b.keeper.sweep
	}
	for {
		select {
		case <-tick.C:
			apply()
		case <-settle:
			b.keeper.afterDeletion()
		case <-b.stopSweep:
			return
		}
	}
}

// Addr is the address to give to clients: the first node's host:port. It stays
// valid as a text after Close.
func (b *Broker) Addr() string { return b.addrs[0] }

// Addrs are the addresses of all nodes, the first one being Addr. Any of them
// is enough for a client. The caller owns the slice.
func (b *Broker) Addrs() []string { return append([]string(nil), b.addrs...) }

// Moved reports whether a port of Config.Listen was in use, so that Addr has
// another one. It is false for port 0 and after a start with ExactPort.
func (b *Broker) Moved() bool { return b.moved }

// Cluster is kfake's own cluster, for tests: Fault, ControlKey,
// MoveTopicPartition and the like. It must not be closed, and must not be used
// after Close, when most of its methods block for ever. AddNode fails: there
// are as many nodes as Config.Nodes says. With a data folder, a kill during
// its Compact, DeleteTopic or DeleteRecords can lose what those touch; the
// requests of clients and the retention checks are safe.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Done is closed when Close has finished.
func (b *Broker) Done() <-chan struct{} { return b.done }

// Close stops the broker: its port is free again, its connections are cut, and
// its state is in the data folder, which another broker may use at once. The
// error says what could not be written; the broker is stopped all the same.
//
// Every call returns the same error, after the first one has done the work.
func (b *Broker) Close() error {
	b.closeOnce.Do(func() {
		b.closeErr = b.close()
		close(b.done)
	})
	return b.closeErr
}

func (b *Broker) close() error {
	close(b.stopSweep)
	<-b.swept
	b.topics.stop()
	if b.joins != nil {
		b.joins.close()
	}
	b.cluster.Close()
	if b.folder == nil {
		return nil
	}
	err := errors.Join(b.log.err(), b.folder.close())
	if err != nil {
		return fmt.Errorf("devbroker: close: %w", err)
	}
	return nil
}
