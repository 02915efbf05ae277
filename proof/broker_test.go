package proof_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/siskin-go/siskin/siskintest"
)

// broker is a broker of the test's own, to be restarted and killed.
type broker interface {
	addrs() []string
	// restart ends the broker in order and starts it again.
	restart(t *testing.T)
	// crash kills the broker and starts it again when it was away for about
	// that long.
	crash(t *testing.T, away time.Duration)
}

// ownBroker starts a broker of the kind that the tests run on.
func ownBroker(t *testing.T) broker {
	t.Helper()
	if siskintest.Real() {
		return startKafka(t)
	}
	e := &embedded{life: t, folder: t.TempDir()}
	e.start(t, "127.0.0.1:0")
	return e
}

// embedded is the command "siskin broker" with a data folder.
type embedded struct {
	life   *testing.T // the test that made it, not a part of it
	folder string
	addr   string
	*process
}

func (e *embedded) start(t *testing.T, listen string) {
	t.Helper()
	up := make(chan string, 1)
	e.process = start(e.life, "broker", nil, func(l string) { up <- l },
		program(t), "broker", "--listen", listen, "--data-dir", e.folder)
	e.addr = receive(t, up)
}

func (e *embedded) addrs() []string { return []string{e.addr} }

func (e *embedded) restart(t *testing.T) {
	t.Helper()
	e.leave()
	e.start(t, e.addr)
}

func (e *embedded) crash(t *testing.T, away time.Duration) {
	t.Helper()
	e.kill()
	<-time.After(away)
	e.start(t, e.addr)
}

// kafka is an Apache Kafka beside the one that the tests run on.
type kafka struct {
	state string
	list  []string
}

// kafkaStart is about how long Apache Kafka needs from its start to its first
// answer.
const kafkaStart = 4 * time.Second

func startKafka(t *testing.T) *kafka {
	t.Helper()
	k := &kafka{state: t.TempDir()}
	t.Cleanup(func() { k.script(t, "stop") })
	k.list = strings.Split(strings.TrimSpace(k.script(t, "start", "--port", "29092")), ",")
	return k
}

// kafkaProperties let a killed node come back at once. It waits until its own
// earlier self has expired, which takes nine seconds by default.
const kafkaProperties = "broker.session.timeout.ms=2000,broker.heartbeat.interval.ms=500"

// script runs scripts/kafka and returns what it writes on stdout.
func (k *kafka) script(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join("..", "scripts", "kafka"), args...)
	cmd.Env = append(os.Environ(), "SISKIN_KAFKA_STATE="+k.state, "SISKIN_KAFKA_PROPERTIES="+kafkaProperties)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/kafka %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func (k *kafka) addrs() []string { return k.list }

func (k *kafka) restart(t *testing.T) {
	t.Helper()
	k.script(t, "restart")
}

func (k *kafka) crash(t *testing.T, away time.Duration) {
	t.Helper()
	k.script(t, "restart", "--hard", "--down", fmt.Sprintf("%.1f", max(0, away-kafkaStart).Seconds()))
}
