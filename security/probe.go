package security

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// probeTimeout bounds each question of a probe.
const probeTimeout = 3 * time.Second

// Probe asks a broker that has cut a connection off with err what it wanted
// instead. It returns an *AuthenticationError when that is certain, else nil: a
// broker that starts, or a proxy in front of it, cuts connections too. No secret
// is sent.
func (s Settings) Probe(ctx context.Context, broker string, err error) error {
	if !cut(err) {
		return nil
	}
	problem, next := s.ask(ctx, broker)
	if problem == "" {
		return nil
	}
	return &AuthenticationError{Broker: broker, Problem: problem, Next: next, Err: err}
}

// cut reports whether the other side has ended a connection.
func cut(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (s Settings) ask(ctx context.Context, broker string) (problem, next string) {
	if s.encrypted() && question(ctx, broker, nil, handshake()) == nil {
		return speaksPlain, speaksPlainNext
	}
	if !s.encrypted() && answersTLS(ctx, broker) {
		return speaksTLS, speaksTLSNext
	}
	if s.Mechanism != "" {
		return "", ""
	}
	var secure *tls.Config
	if s.encrypted() {
		secure = s.tlsConfig()
	}
	offered := handshake()
	if question(ctx, broker, secure, offered) != nil || len(offered.SupportedMechanisms) == 0 {
		return "", ""
	}
	topics := kmsg.NewPtrMetadataResponse()
	topics.SetVersion(1)
	if question(ctx, broker, secure, topics) == nil {
		return "", "" // it answers without SASL as well
	}
	return "it demands a user and a password (SASL), and none is set",
		fmt.Sprintf("set Security.Mechanism, User and Password; it offers %s",
			strings.ToLower(strings.Join(offered.SupportedMechanisms, ", ")))
}

func handshake() *kmsg.SASLHandshakeResponse {
	r := kmsg.NewPtrSASLHandshakeResponse()
	r.SetVersion(1)
	return r
}

// answersTLS reports whether the port answers a TLS handshake, be it with a
// refusal.
func answersTLS(ctx context.Context, broker string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	//nolint:gosec // only whether it speaks TLS is asked; nothing is sent
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", broker)
	if err == nil {
		_ = conn.Close() // nothing was written
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// question sends the request that into answers, and reads the answer.
func question(ctx context.Context, broker string, secure *tls.Config, into kmsg.Response) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := dial(ctx, broker, secure)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("siskin-probe"))
	req := into.RequestKind()
	req.SetVersion(into.GetVersion())
	if _, err := conn.Write(formatter.AppendRequest(nil, req, probeID)); err != nil {
		return err
	}
	return answer(conn, into)
}

func dial(ctx context.Context, broker string, secure *tls.Config) (net.Conn, error) {
	if secure == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", broker)
	}
	return (&tls.Dialer{Config: secure}).DialContext(ctx, "tcp", broker)
}

const (
	probeID       = 0x51515151
	longestAnswer = 1 << 20
)

// answer reads one response with the header of the versions used here, which is
// the correlation id alone.
func answer(conn io.Reader, into kmsg.Response) error {
	var head [8]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size < 4 || size > longestAnswer || binary.BigEndian.Uint32(head[4:]) != probeID {
		return errors.New("not an answer of Kafka")
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	return into.ReadFrom(body)
}
