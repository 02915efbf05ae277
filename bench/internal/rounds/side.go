package rounds

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/siskin-go/siskin/bench/internal/half"
	"github.com/siskin-go/siskin/bench/internal/side"
	"github.com/siskin-go/siskin/bench/internal/work"
)

// Baseline is the side that the others are compared with.
const Baseline = "raw"

// Side is one contender: a command that becomes its server or its client.
type Side struct {
	Name    string
	Command []string
	// Peer is true for one that is another framework.
	Peer bool
}

// OwnSides are the sides of this program, which becomes one of their halves when
// it is called with "side", its name, and what a half wants.
func OwnSides(program string) []Side {
	var sides []Side
	for _, name := range []string{Baseline, "siskin"} {
		sides = append(sides, Side{Name: name, Command: []string{program, "side", name}})
	}
	return sides
}

// Peers are the sides in the sub-folders of dir: each has a program "run".
func Peers(dir string) ([]Side, error) {
	programs, err := filepath.Glob(filepath.Join(dir, "*", "run"))
	if err != nil {
		return nil, fmt.Errorf("peers in %s: %w", dir, err)
	}
	var sides []Side
	for _, program := range programs {
		sides = append(sides, Side{Name: filepath.Base(filepath.Dir(program)), Command: []string{program}, Peer: true})
	}
	return sides, nil
}

// ChooseSides finds sides by their names. No names are all sides.
func ChooseSides(all []Side, names []string) ([]Side, error) {
	if len(names) == 0 {
		return all, nil
	}
	byName := make(map[string]Side)
	var known []string
	for _, s := range all {
		byName[s.Name] = s
		known = append(known, s.Name)
	}
	var chosen []Side
	for _, name := range names {
		s, ok := byName[name]
		if !ok {
			return nil, fmt.Errorf("side %q: unknown; there are %s", name, strings.Join(known, ","))
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// start starts one half at a target.
func (s Side) start(ctx context.Context, which string, at side.Target) (*half.Process, error) {
	args := append(append([]string(nil), s.Command[1:]...),
		which, "brokers="+strings.Join(at.Brokers, ","), "pattern="+at.Pattern, "op="+string(at.Op),
		fmt.Sprintf("size=%d", at.Size), fmt.Sprintf("delay_ms=%d", at.Delay.Milliseconds()),
		fmt.Sprintf("partitions=%d", at.Partitions))
	args = append(args, scale(at.Scale)...)
	return half.Start(ctx, s.Command[0], args...)
}

// scale are the settings that are not zero: only growth has them.
func scale(s side.Scale) []string {
	var args []string
	for _, n := range []struct {
		name  string
		value int
	}{{"handlers", s.Handlers}, {"clients", s.Clients}, {"reply_partitions", s.ReplyPartitions}, {"waiting", s.Waiting}} {
		if n.value != 0 {
			args = append(args, fmt.Sprintf("%s=%d", n.name, n.value))
		}
	}
	for _, f := range []struct {
		name string
		on   bool
	}{{"all_called", s.AllCalled}, {"own_replies", s.OwnReplies}} {
		if f.on {
			args = append(args, f.name+"=true")
		}
	}
	return args
}

// missing says why a side cannot do a work; empty if it can.
func missing(s Side, w work.Work) string {
	if w.Waiting > 0 && s.Name == Baseline {
		return "its calls all end after 30 s"
	}
	if w.Op != side.Stream {
		return ""
	}
	switch s.Name {
	case "spring":
		return "ReplyingKafkaTemplate ends a call with its first reply"
	case "watermill":
		return "a handler of requestreply has one result"
	}
	return ""
}
