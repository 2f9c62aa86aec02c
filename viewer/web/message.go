package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Text messages of the WebSocket, docs/reference/http.md. Those that come with every frame are
// appended by hand; the rest is not worth it.

// maxClientMessage is what a message of a client may have, bytes. A longer one ends the connection.
const maxClientMessage = 1 << 10

// clientMessage is what a client may say.
type clientMessage struct {
	Type string      `json:"type"` // "ack", "time", or of a replay "pause", "play", "speed", "seek", "step"
	N    uint64      `json:"n"`    // ack: every frame up to this one is on the screen
	T    json.Number `json:"t"`    // time: whatever the client wants to have back

	ID       uint64   `json:"id"`          // of a command: the client's own number, which comes back as re
	Position *float64 `json:"position_ms"` // seek; play, where it is given
	Speed    float64  `json:"speed"`       // speed
	Frames   int      `json:"frames"`      // step: 1 or -1
}

var errClientMessage = errors.New("not a message of this protocol")

// parseClientMessage reads a text message. One that is no JSON, of an unknown type, or without what
// its type needs is an error, which is normal: it is ignored.
func parseClientMessage(data []byte) (clientMessage, error) {
	var m clientMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return clientMessage{}, fmt.Errorf("%w: %w", errClientMessage, err)
	}
	positionOK := m.Position == nil
	if m.Position != nil {
		_, positionOK = atMillis(*m.Position)
	}
	good := false
	switch m.Type {
	case "ack", "pause":
		good = true
	case "time":
		good = m.T != ""
	case "play":
		good = positionOK
	case "speed":
		good = speedOK(m.Speed)
	case "seek":
		good = positionOK && m.Position != nil
	case "step":
		good = m.Frames == 1 || m.Frames == -1
	}
	if !good {
		return clientMessage{}, errClientMessage
	}
	return m, nil
}

// appendFrameMessage is the text before the picture.
func appendFrameMessage(b []byte, p *picture, n uint64, now time.Time, missed, skipped uint64) []byte {
	b = append(b, `{"type":"frame","n":`...)
	b = strconv.AppendUint(b, n, 10)
	b = append(b, `,"epoch":"`...)
	b = append(b, p.Epoch...) // letters, digits, '-' and '_': frame.Decode has checked
	b = append(b, `","seq":`...)
	b = strconv.AppendUint(b, p.Seq, 10)
	b = append(b, `,"captured_ms":`...)
	b = appendMillis(b, p.Captured)
	b = append(b, `,"sent_ms":`...)
	b = appendMillis(b, now)
	age, within := p.age(now)
	b = append(b, `,"age_ms":`...)
	b = appendDuration(b, age)
	if within > 0 {
		b = append(b, `,"uncertainty_ms":`...)
		b = appendDuration(b, within)
	}
	b = append(b, `,"width":`...)
	b = strconv.AppendInt(b, int64(p.Width), 10)
	b = append(b, `,"height":`...)
	b = strconv.AppendInt(b, int64(p.Height), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, int64(len(p.Data)), 10)
	b = append(b, `,"missed":`...)
	b = strconv.AppendUint(b, missed, 10)
	b = append(b, `,"skipped":`...)
	b = strconv.AppendUint(b, skipped, 10)
	return append(b, '}')
}

func appendTimeMessage(b []byte, t json.Number, now time.Time) []byte {
	b = append(b, `{"type":"time","t":`...)
	b = append(b, t...)
	b = append(b, `,"server_ms":`...)
	b = appendMillis(b, now)
	return append(b, '}')
}

func appendDuration(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d.Microseconds())/1e3, 'f', 3, 64)
}

// appendMillis is Unix milliseconds with three decimals, which a browser's number holds exactly
// enough.
func appendMillis(b []byte, t time.Time) []byte {
	return strconv.AppendFloat(b, float64(t.UnixMicro())/1e3, 'f', 3, 64)
}
