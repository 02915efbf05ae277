package devbroker

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// saslRequest is the head of a SaslHandshake or SaslAuthenticate request.
type saslRequest struct {
	key, version int16
	id           uint32
}

// refusal is the answer to a wrong user or password, in Apache Kafka's words.
func (r saslRequest) refusal() []byte {
	message := "Authentication failed: Invalid username or password"
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &message
	return r.frame(resp)
}

// listing is kfake's answer to a handshake with the mechanisms that it takes. It
// lists them only when it refuses one.
func (r saslRequest) listing(answer []byte) []byte {
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.SetVersion(r.version)
	if len(answer) < minFrame || resp.ReadFrom(answer[minFrame:]) != nil || len(resp.SupportedMechanisms) > 0 {
		return answer
	}
	resp.SupportedMechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	return r.frame(resp)
}

// frame is a response as it goes on the wire.
func (r saslRequest) frame(resp kmsg.Response) []byte {
	resp.SetVersion(r.version)
	head := binary.BigEndian.AppendUint32(make([]byte, 4), r.id)
	if resp.IsFlexible() {
		head = append(head, 0) // no tags
	}
	frame := resp.AppendTo(head)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4)) //nolint:gosec // it is short
	return frame
}
