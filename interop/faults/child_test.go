package faults_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/siskin-go/siskin"
)

// childEnv makes this program one that makes a call and stays, so that a check
// can kill it. It holds the brokers and the pattern.
const childEnv = "SISKIN_FAULTS_CHILD"

func child() {
	brokers, pattern, _ := strings.Cut(os.Getenv(childEnv), " ")
	client, err := siskin.NewClient(siskin.Config{Brokers: strings.Split(brokers, ",")})
	if err == nil {
		_, err = siskin.Send[any](context.Background(), client, pattern, "child")
	}
	fmt.Println("answered:", err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until it is killed, or its parent ends
}

func (o ours) program(x *exam, pattern, _ string) (kill func()) {
	x.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(o.addrs, ",")+" "+pattern)
	stdin, err := cmd.StdinPipe()
	x.must(err)
	out, err := cmd.StdoutPipe()
	x.must(err)
	x.must(cmd.Start())
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		_ = cmd.Process.Kill()
		_ = stdin.Close()
		_ = cmd.Wait()
	}
	x.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "answered: <nil>") {
		x.Fatalf("the child said %q (%v)", line, err)
	}
	return kill
}
