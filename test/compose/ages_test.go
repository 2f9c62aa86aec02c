//go:build compose

package compose

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// pictured is what the page's WebSocket says of a picture.
type pictured struct {
	Type        string   `json:"type"`
	Captured    float64  `json:"captured_ms"`
	Sent        float64  `json:"sent_ms"`
	Age         float64  `json:"age_ms"`
	Uncertainty *float64 `json:"uncertainty_ms"`
}

// ages watches a camera until a picture comes that is said to be of now, by clocks that have been compared,
// and checks of every one what is said of its age. All containers have this machine's clock, so what a camera's
// clock is found to be off, the difference between age and the two times, is the error of finding it: not more
// than the page says that it may be. That holds however slow the machine is; how old pictures are does not.
func (s *stack) ages(id string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	began := time.Now()
	ws, _, err := websocket.Dial(ctx, strings.Replace(s.url("/cameras/"+id+"/live"), "http:", "ws:", 1), nil)
	if err != nil {
		s.t.Fatalf("watch %s: %v", id, err)
	}
	defer func() { _ = ws.CloseNow() }() // it has been read as far as wanted
	ws.SetReadLimit(8 << 20)
	const (
		rounding = 1.0    // ms, of times that are texts
		now      = 1000.0 // ms: a live picture, on a machine with a moment to spare
		sharp    = 100.0  // ms: worth being called an age
	)
	for pictures := 0; ; {
		kind, data, err := ws.Read(ctx)
		if err != nil {
			s.t.Fatalf("%s: %d pictures in %s, and none that is of now: %v", id, pictures, time.Since(began), err)
		}
		var p pictured
		if kind != websocket.MessageText || json.Unmarshal(data, &p) != nil || p.Type != "frame" {
			continue
		}
		pictures++
		received := float64(time.Now().UnixMicro()) / 1000
		if p.Sent < float64(began.UnixMilli())-rounding || p.Sent > received+rounding {
			s.t.Errorf("%s: sent at %f ms, which is not between %d, when it was asked for, and %f, when it came", id, p.Sent, began.UnixMilli(), received)
		}
		apart := p.Age - (p.Sent - p.Captured)
		may := rounding
		if p.Uncertainty != nil {
			may += *p.Uncertainty
		}
		if math.Abs(apart) > may || p.Age < -may {
			s.t.Errorf("%s: captured at %f ms and sent at %f, %f ms old: wrong by %f, and may be wrong by %f", id, p.Captured, p.Sent, p.Age, apart, may)
		}
		if p.Uncertainty != nil && *p.Uncertainty < sharp && p.Age < now {
			s.t.Logf("MEASURED: %s is %.1f ms old (± %.1f) at the viewer, after %d pictures", id, p.Age, *p.Uncertainty, pictures)
			return
		}
	}
}
