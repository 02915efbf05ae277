package devbroker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Limits and defaults of Config.
const (
	defaultListen     = "127.0.0.1:9092"
	defaultNodes      = 1
	defaultPartitions = 1
	defaultCheck      = time.Minute
	maxNodes          = 9
	maxPartitions     = 10_000
)

// Config says where a broker listens and what it keeps. The zero value is a
// useful broker: one node on 127.0.0.1:9092 or the next free port, everything
// in memory. Start does not change it, and it may be used again.
type Config struct {
	// Listen is the host:port to listen on.
	//
	// Default: 127.0.0.1:9092. Without a host (":9092") the broker listens
	// on 127.0.0.1 only: it asks nobody for a password, so other machines
	// reach it only when their way in is named, as in "0.0.0.0:9092" (see
	// Advertise). Port 0 takes any free port. With several Nodes this is
	// the first one; the others take the ports after it.
	Listen string

	// ExactPort makes Start fail with ErrPortTaken when the port of Listen
	// is in use.
	//
	// Default: false, the next free one of the 100 ports from Listen's on
	// is taken, and Broker.Moved reports it. It means nothing with port 0.
	ExactPort bool

	// Advertise is the host, or host:port, that clients are told to connect
	// to after their first connection.
	//
	// Default: the address listened on. It must be set when Listen is a
	// wildcard such as 0.0.0.0, which is nowhere to connect to, and in a
	// container, where it is the name other containers use. A port here
	// needs Nodes to be 1.
	Advertise string

	// Nodes is how many broker nodes there are, each on a port of its own.
	//
	// Default: 1. Zero means the default; negative or above 9 is an error.
	// More than one is for tests of leaders that move.
	Nodes int

	// Partitions is how many partitions a topic gets that is created on
	// first use, or by a request that leaves the number to the broker.
	//
	// Default: 1, as in Apache Kafka. Zero means the default; negative or
	// above 10,000 is an error.
	Partitions int

	// Topics are created before the first client is let in.
	//
	// Default: none; topics appear when a client that allows it first asks
	// for them. A topic that the data folder already has is left as it is.
	Topics []Topic

	// DataDir is the folder that keeps topics, records, groups and committed
	// offsets between runs. It is created if missing.
	//
	// Default: empty, everything is in memory and gone with Close. Start
	// fails with ErrFolderInUse when another broker uses the folder, and
	// with ErrForeignFolder when it holds anything that is not ours.
	DataDir string

	// RetentionCheck is how often records are removed that a topic's
	// retention.ms and retention.bytes do not keep. With a DataDir, topics
	// with cleanup.policy=compact are compacted at every 60th check, and
	// log.cleaner.backoff.ms among the Options has no effect.
	//
	// Default: 1 minute. Zero means the default; negative is an error.
	RetentionCheck time.Duration

	// SyncWrites makes the broker flush each batch and each committed offset
	// to the disk before it is acknowledged: a power cut then loses none, at a
	// high price in speed. It needs DataDir. The package's comment says what
	// exactly is flushed.
	//
	// Default: false, the operating system writes in its own time, as in
	// Apache Kafka; a killed process still loses nothing, a power cut may.
	SyncWrites bool

	// TLS makes the broker speak TLS with this configuration, which must
	// hold a certificate.
	//
	// Default: nil, plain text.
	TLS *tls.Config

	// Logger receives the broker's log lines, and ours.
	//
	// Default: nil, nothing is logged. Set it together with DataDir: a full
	// disk is reported here.
	Logger *slog.Logger

	// ListenFunc replaces net.Listen.
	//
	// Default: nil, net.Listen. It is for tests in virtual time: pass the
	// Listen method of a kfake.VirtualNetwork here and its DialContext to
	// kgo.Dialer. A VirtualNetwork knows no port 0 and no next free port.
	ListenFunc func(network, address string) (net.Listener, error)

	ownListener bool // ListenFunc is the default

	// Options reach kfake itself, for what this struct does not cover, such
	// as kfake.BrokerConfigs, kfake.EnableSASL or kfake.MaxVersions.
	//
	// Default: none. What this struct covers wins over them. kfake.TLS does
	// not work here; use TLS.
	Options []kfake.Opt
}

// Topic is a topic that Start creates.
type Topic struct {
	// Name is the topic's name: 1 to 249 of the characters a-z A-Z 0-9 . _ -
	Name string

	// Partitions is the number of partitions. Zero means Config.Partitions;
	// negative or above 10,000 is an error.
	Partitions int

	// Configs are topic settings under Kafka's names, such as
	// "retention.ms". Default: none. Unknown names are kept and ignored.
	Configs map[string]string
}

// withDefaults returns c with every default filled in.
func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.Nodes == 0 {
		c.Nodes = defaultNodes
	}
	if c.Partitions == 0 {
		c.Partitions = defaultPartitions
	}
	if c.RetentionCheck == 0 {
		c.RetentionCheck = defaultCheck
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ListenFunc == nil {
		c.ListenFunc, c.ownListener = net.Listen, true
	}
	return c
}

// validate reports every problem of a Config that has its defaults.
func (c Config) validate() error {
	var errs []error
	if c.Nodes < 0 || c.Nodes > maxNodes {
		errs = append(errs, fmt.Errorf("nodes %d: must be 1 to %d", c.Nodes, maxNodes))
	}
	if c.Partitions < 0 || c.Partitions > maxPartitions {
		errs = append(errs, fmt.Errorf("partitions %d: must be 1 to %d", c.Partitions, maxPartitions))
	}
	if c.RetentionCheck < 0 {
		errs = append(errs, fmt.Errorf("retention check %v: must not be negative", c.RetentionCheck))
	}
	if c.Nodes > 1 && hasPort(c.Advertise) {
		errs = append(errs, fmt.Errorf("advertised address %q: %d nodes cannot share a port; leave the port out", c.Advertise, c.Nodes))
	}
	if c.SyncWrites && c.DataDir == "" {
		errs = append(errs, errors.New("sync writes: there is nothing to write without a data folder; set DataDir"))
	}
	for _, t := range c.Topics {
		if err := t.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// validate reports the first problem of a topic.
func (t Topic) validate() error {
	if !validTopicName(t.Name) {
		return fmt.Errorf("topic %q: a name is 1 to %d of the characters a-z A-Z 0-9 . _ -", t.Name, maxTopicName)
	}
	if t.Partitions < 0 || t.Partitions > maxPartitions {
		return fmt.Errorf("topic %q: partitions %d: must be 1 to %d, or 0 for the default", t.Name, t.Partitions, maxPartitions)
	}
	return nil
}
