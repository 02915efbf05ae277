package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/siskin-go/siskin/devbroker"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster is the brokers of a run.
type cluster interface {
	name() string
	addrs() []string // in the order of the nodes
	// restart ends a node and starts it again, and returns when it is whole.
	restart(restart) error
	stop() error
}

func startCluster(kind, folder string) (cluster, error) {
	if kind == "kafka" {
		return startKafka(folder)
	}
	return startEmbedded(folder)
}

// embedded is the embedded broker with a data folder, in a process of its own.
type embedded struct {
	*process
	settings brokerSettings
}

type brokerSettings struct {
	Listen, Folder string
}

func startEmbedded(folder string) (*embedded, error) {
	e := &embedded{settings: brokerSettings{Listen: "127.0.0.1:0", Folder: filepath.Join(folder, "broker")}}
	return e, e.start()
}

func (e *embedded) start() (err error) {
	if e.process, err = startProcess("broker", filepath.Dir(e.settings.Folder), role{Broker: &e.settings}); err != nil {
		return err
	}
	e.settings.Listen, err = e.line()
	return err
}

func (e *embedded) name() string    { return "embedded" }
func (e *embedded) addrs() []string { return []string{e.settings.Listen} }

func (e *embedded) restart(r restart) error {
	how := syscall.SIGTERM
	if r.Hard {
		how = syscall.SIGKILL
	}
	if !e.end(how) {
		return fmt.Errorf("the broker has ended by itself: %v\n%s", e.cmd.ProcessState, e.said())
	}
	<-time.After(r.Down)
	return e.start()
}

func (e *embedded) stop() error {
	if !e.end(syscall.SIGTERM) || e.code() != 0 {
		return fmt.Errorf("the broker ended with code %d\n%s", e.code(), e.said())
	}
	return nil
}

// runBroker is the whole life of a broker process.
func runBroker(ctx context.Context, set brokerSettings) error {
	b, err := devbroker.Start(devbroker.Config{
		Listen: set.Listen, ExactPort: true, DataDir: set.Folder,
		// With the protocol "consumer" the broker sets the session.
		Options: []kfake.Opt{kfake.BrokerConfigs(map[string]string{
			"group.consumer.session.timeout.ms": "6000", "group.consumer.heartbeat.interval.ms": "2000",
		})},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return err
	}
	fmt.Println(b.Addr())
	<-ctx.Done()
	return b.Close()
}

// kafka is three KRaft nodes of Apache Kafka, each a broker and a controller.
type kafka struct {
	state string
	list  []string
}

const kafkaNodes = 3

// kafkaProperties let a killed node come back at once: it waits until its own
// earlier self has expired, nine seconds by default.
const kafkaProperties = "broker.session.timeout.ms=2000,broker.heartbeat.interval.ms=500," +
	// With the protocol "consumer" the broker sets the session.
	"offsets.topic.num.partitions=6," +
	"group.consumer.min.session.timeout.ms=6000,group.consumer.session.timeout.ms=6000," +
	"group.consumer.min.heartbeat.interval.ms=1000,group.consumer.heartbeat.interval.ms=2000"

// kafkaJava lets a node start in half of the time, at a price in speed later.
const kafkaJava = "-XX:TieredStopAtLevel=1"

func startKafka(folder string) (*kafka, error) {
	k := &kafka{state: filepath.Join(folder, "kafka")}
	out, err := k.script("start", "--nodes", fmt.Sprint(kafkaNodes), "--port", "26092")
	k.list = strings.Split(strings.TrimSpace(out), ",")
	return k, err
}

// script runs scripts/kafka, which is beside the script that runs this program.
func (k *kafka) script(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join("scripts", "kafka"), args...)
	cmd.Env = append(os.Environ(), "SISKIN_KAFKA_STATE="+k.state, "SISKIN_KAFKA_PROPERTIES="+kafkaProperties,
		"SISKIN_KAFKA_JAVA="+kafkaJava)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("scripts/kafka %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

func (k *kafka) name() string    { return "kafka" }
func (k *kafka) addrs() []string { return k.list }

func (k *kafka) restart(r restart) error {
	args := []string{"restart", fmt.Sprint(r.Node), "--down", fmt.Sprintf("%.1f", r.Down.Seconds())}
	if r.Hard {
		args = append(args, "--hard")
	}
	if _, err := k.script(args...); err != nil {
		return err
	}
	return k.whole()
}

func (k *kafka) stop() error {
	_, err := k.script("stop")
	return err
}

// whole waits until every replica is in sync: only then the next node may go.
func (k *kafka) whole() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(k.list...))
	if err != nil {
		return err
	}
	defer client.Close()
	late := time.After(patience)
	for {
		behind := "the cluster does not answer"
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if meta, err := kadm.NewClient(client).Metadata(ctx); err == nil {
			behind = lagging(meta)
		}
		cancel()
		if behind == "" {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-late:
			return fmt.Errorf("the replicas are not in sync after %v: %s", patience, behind)
		}
	}
}

// lagging names a partition that lacks a replica, or is empty.
func lagging(meta kadm.Metadata) string {
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if len(p.ISR) < len(p.Replicas) {
				return fmt.Sprintf("%s/%d has %d of %d", t.Topic, p.Partition, len(p.ISR), len(p.Replicas))
			}
		}
	}
	return ""
}
