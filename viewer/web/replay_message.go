package web

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Text messages of a replay, docs/reference/http.md.

// recordedFrame is what the text before a recorded picture says.
type recordedFrame struct {
	*frame.Frame
	n       uint64     // of this connection
	re      uint64     // the client's command that it follows
	skipped uint64     // frames left out for this client
	gap     *frame.Gap // missing right before it; nil: nothing
}

// appendRecordedMessage is the text before a recorded picture.
func appendRecordedMessage(b []byte, f recordedFrame, now time.Time) []byte {
	b = append(b, `{"type":"frame","recorded":true,"n":`...)
	b = strconv.AppendUint(b, f.n, 10)
	b = append(b, `,"re":`...)
	b = strconv.AppendUint(b, f.re, 10)
	b = append(b, `,"epoch":"`...)
	b = append(b, f.Epoch...) // letters, digits, '-' and '_': frame.Decode has checked
	b = append(b, `","seq":`...)
	b = strconv.AppendUint(b, f.Seq, 10)
	b = append(b, `,"captured_ms":`...)
	b = appendMillis(b, f.Captured)
	b = append(b, `,"sent_ms":`...)
	b = appendMillis(b, now)
	b = append(b, `,"width":`...)
	b = strconv.AppendInt(b, int64(f.Width), 10)
	b = append(b, `,"height":`...)
	b = strconv.AppendInt(b, int64(f.Height), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, int64(len(f.Data)), 10)
	b = append(b, `,"skipped":`...)
	b = strconv.AppendUint(b, f.skipped, 10)
	if f.gap != nil {
		b = append(b, `,"gap":`...)
		b = appendGap(b, f.gap)
	}
	return append(b, '}')
}

func appendGap(b []byte, gap *frame.Gap) []byte {
	b = append(b, `{"from_ms":`...)
	b = appendMillis(b, gap.From)
	b = append(b, `,"to_ms":`...)
	b = appendMillis(b, gap.To)
	b = append(b, `,"missing":`...)
	b = strconv.AppendUint(b, gap.Missing, 10)
	b = append(b, `,"reason":`...)
	text, _ := json.Marshal(gap.Reason) // a text
	b = append(b, text...)
	return append(b, '}')
}

// appendNextMessage says that there is nothing to show until a moment.
func appendNextMessage(b []byte, re uint64, captured time.Time, gap *frame.Gap) []byte {
	b = append(b, `{"type":"next","re":`...)
	b = strconv.AppendUint(b, re, 10)
	b = append(b, `,"captured_ms":`...)
	b = appendMillis(b, captured)
	if gap != nil {
		b = append(b, `,"gap":`...)
		b = appendGap(b, gap)
	}
	return append(b, '}')
}

// replayState is what a client is told of its replay beside pictures.
type replayState struct {
	Type     string  `json:"type"` // "state"
	Re       uint64  `json:"re"`
	Playing  bool    `json:"playing"`
	Speed    float64 `json:"speed"`
	Position float64 `json:"position_ms"`
	// End is true where there is nothing after the last frame, Begin where there is nothing before.
	End   bool `json:"end"`
	Begin bool `json:"begin"`
	// Error says what went wrong, in one line; empty: nothing.
	Error string `json:"error"`
}
