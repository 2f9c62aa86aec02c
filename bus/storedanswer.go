package bus

import (
	"encoding/json"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// answer is what came back for a frame.
type answer struct {
	stream string // that stored it
	seq    uint64 // there
	reason UnstoredReason
}

// mostAnswer is more than JetStream ever answers to a message.
const mostAnswer = 4 << 10

// readAnswer takes JetStream's answer apart. It comes over the bus, so whoever may publish to the
// inbox could have sent it: what cannot be read is a refusal.
func readAnswer(m *nats.Msg) answer {
	if len(m.Data) == 0 {
		if m.Header.Get("Status") == "503" { // the server: nobody listens on that subject
			return answer{reason: UnstoredNoStream}
		}
		return answer{reason: UnstoredRefused}
	}
	var said struct {
		Stream    string              `json:"stream"`
		Seq       uint64              `json:"seq"`
		Duplicate bool                `json:"duplicate"`
		Error     *jetstream.APIError `json:"error"`
	}
	if len(m.Data) > mostAnswer || json.Unmarshal(m.Data, &said) != nil {
		return answer{reason: UnstoredRefused}
	}
	switch {
	case said.Error != nil:
		return answer{stream: said.Stream, reason: refusedFor(said.Error)}
	case said.Stream == "" || said.Seq == 0:
		return answer{reason: UnstoredRefused}
	case said.Duplicate:
		return answer{stream: said.Stream, reason: UnstoredDuplicate}
	}
	return answer{stream: said.Stream, seq: said.Seq}
}

func refusedFor(err *jetstream.APIError) UnstoredReason {
	switch err.ErrorCode {
	case codeTooManyRequests:
		return UnstoredBusy
	case codeAccountLimit, codeInsufficient, codeNoStorage, codeStreamMaxBytes, codeStoreFailed:
		return UnstoredNoRoom
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return UnstoredTooLarge
	case jetstream.JSErrCodeStreamNotFound, jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return UnstoredNoStream
	}
	return UnstoredRefused
}
