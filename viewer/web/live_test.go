package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestSocketProtocol(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	c := newCamera(t, b.broker.URL(), "front", 50_000)
	stop := c.run(20)
	waitFor(t, "the page to hear that the camera is live", patience, func() bool {
		_, body := get(t, "http://"+b.addr+"/api/cameras", nil)
		return strings.Contains(string(body), `"live"`)
	})
	for _, ack := range []bool{true, false} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		ws, err := dialSocket(ctx, t, b.addr, "/cameras/front/live", nil, ack)
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"time","t":12345.5}`)); err != nil {
			t.Fatal(err)
		}
		var n, seq, lost uint64
		signalled, answered := false, false
		for n < 40 {
			m, err := ws.next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			switch m.Type {
			case "signal":
				signalled = signalled || m.Live && m.State == "live"
			case "time":
				answered = m.T == 12345.5 && m.ServerMS > 1e12
			case "frame":
				if !signalled {
					t.Error("a frame before the signal")
				}
				if n++; m.N != n || m.Epoch != c.epoch || m.Width != 64 || m.Height != 48 || m.SentMS < m.CapturedMS {
					t.Errorf("frame %d: %s", n, m)
				}
				if !bytes.Equal(m.data, c.data) {
					t.Errorf("frame %d is not the published one", m.Seq)
				}
				if now := m.Skipped + m.Missed; n > 1 && m.Seq != seq+1+now-lost {
					t.Errorf("frame %d after %d, skipped and missed %d after %d", m.Seq, seq, now, lost)
				}
				seq, lost = m.Seq, m.Skipped+m.Missed
			}
		}
		if !answered {
			t.Error("no answer to time")
		}
		if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("close: %v", err)
		}
	}

	// No signal after 2 s without a frame, and live again with the next.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ws, err := dialSocket(ctx, t, b.addr, "/cameras/front/live", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	stopped := false
	for {
		m, err := ws.next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == "frame" {
			last = m.at
			if !stopped {
				stopped = true
				stop()
			}
		}
		if m.Type == "signal" && stopped {
			if m.Live || m.Reason == "" {
				t.Errorf("%s", m)
			}
			if quiet := m.at.Sub(last); quiet < 1500*time.Millisecond || quiet > 4*time.Second {
				t.Errorf("no signal after %s, want 2 s", quiet)
			}
			break
		}
	}
	c.status(frame.StateLost, "unplugged")
	if m, err := ws.next(ctx); err != nil || m.Type != "signal" || m.State != "lost" || m.Reason != "unplugged" || m.Live {
		t.Errorf("%s %v", m, err)
	}
	c.run(20)
	seen := ""
	for !strings.HasSuffix(seen, "live frame ") {
		m, err := ws.next(ctx)
		if err != nil {
			t.Fatalf("%s: %v", seen, err)
		}
		if m.Type == "signal" && m.Live {
			seen += "live "
		} else if m.Type == "frame" {
			seen += "frame "
		}
	}
}

// missed counts what never reached the server.
func TestSocketCountsMissed(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	c := newCamera(t, b.broker.URL(), "front", 2_000)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c.status(frame.StateLive, "")
	ws, err := dialSocket(ctx, t, b.addr, "/cameras/front/live", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	done := make(chan struct{})
	defer func() { <-done }()
	defer cancel()
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				if n == 20 {
					c.seq.Add(7)
				}
				c.publish(now)
			}
		}
	}()
	var last, lost uint64
	for {
		m, err := ws.next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != "frame" {
			continue
		}
		if jump := m.Seq - last - 1; last > 0 && jump != m.Missed+m.Skipped-lost {
			t.Fatalf("after frame %d, %d lost: %s", last, lost, m)
		} else if jump >= 7 && m.Missed >= 7 {
			return
		}
		last, lost = m.Seq, m.Missed+m.Skipped
	}
}

func TestSocketGarbage(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 2_000).run(30)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	// What is not understood is ignored.
	ws, err := dialSocket(ctx, t, b.addr, "/cameras/front/live", nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", "null", `"ack"`, `{"type":"ack","n":-1}`, `{"type":"ack","n":99999999}`, `{"type":"ack","n":1e300}`, `{"type":"time"}`, `{"type":"time","t":"x"}`, `{"type":"reboot"}`, "\x00\xff"} {
		kind := websocket.MessageText
		if strings.ContainsRune(text, '\x00') {
			kind = websocket.MessageBinary
		}
		if err := ws.Write(ctx, kind, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for n := 0; n < 10; {
		m, err := ws.next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == "frame" {
			n++
		}
	}
	// Too long ends it.
	if err := ws.Write(ctx, websocket.MessageText, bytes.Repeat([]byte("x"), maxClientMessage+1)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = ws.next(ctx)
	}
	if got := websocket.CloseStatus(err); got != websocket.StatusMessageTooBig {
		t.Errorf("after %d bytes: %v", maxClientMessage+1, err)
	}

	// A foreign page may not connect.
	_, resp, err := websocket.Dial(ctx, "ws://"+b.addr+"/cameras/front/live", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://evil.example"}}})
	if err == nil || resp == nil || resp.StatusCode != 403 {
		t.Errorf("foreign origin: %v %v", resp, err)
	}

	// Bytes that are no WebSocket frames.
	conn, r := raw(t, b.addr, "GET /cameras/front/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if answer, err := http.ReadResponse(r, nil); err != nil || answer.StatusCode != 101 {
		t.Fatalf("%v %v", answer, err)
	}
	if _, err := conn.Write(bytes.Repeat([]byte{0xFF}, 500)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for err = nil; err == nil; {
		_, err = r.Read(buf)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("garbage keeps the connection")
	}
}

func FuzzClientMessage(f *testing.F) {
	for _, seed := range []string{`{"type":"ack","n":5}`, `{"type":"time","t":1.5e3}`, `{"type":"time","t":"1"}`, `{}`, `[`, `{"type":"ack","n":18446744073709551615}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseClientMessage(data)
		if err != nil {
			return
		}
		switch m.Type {
		case "ack":
		case "time":
			answer := appendTimeMessage(nil, m.T, time.UnixMilli(1))
			if back, err := parseClientMessage(answer); err != nil || back.T != m.T {
				t.Errorf("%q is answered with %q: %v", data, answer, err)
			}
		default:
			t.Errorf("type %q", m.Type)
		}
	})
}

func TestFrameMessage(t *testing.T) {
	p := &picture{Frame: frame.Frame{Epoch: "e", Seq: 7, Captured: time.UnixMicro(1_790_000_000_123_456), Width: 640, Height: 480, Data: make([]byte, 9)}}
	got := string(appendFrameMessage(nil, p, 3, time.UnixMicro(1_790_000_000_125_000), 4, 5))
	want := `{"type":"frame","n":3,"epoch":"e","seq":7,"captured_ms":1790000000123.456,"sent_ms":1790000000125.000,"age_ms":1.544,"width":640,"height":480,"bytes":9,"missed":4,"skipped":5}`
	if got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
	// The publisher's clock is an hour ahead, to within 0.2 ms.
	p.Captured = p.Captured.Add(time.Hour)
	p.clock = bus.Offset{Offset: time.Hour, Uncertainty: 200 * time.Microsecond}
	got = string(appendFrameMessage(nil, p, 3, time.UnixMicro(1_790_000_000_125_000), 4, 5))
	if want := `,"age_ms":1.544,"uncertainty_ms":0.200,"width"`; !strings.Contains(got, want) {
		t.Errorf("\n%s, want in it\n%s", got, want)
	}
	for _, n := range []int{0, 125, 126, 65535, 65536, 5 << 20} {
		h := appendHeader(nil, opBinary, n)
		if want := map[bool]int{true: 2}[n < 126]; want == 2 && len(h) != 2 {
			t.Errorf("header of %d bytes: %x", n, h)
		}
		if fmt.Sprintf("%x", h[:1]) != "82" {
			t.Errorf("header of %d bytes: %x", n, h)
		}
	}
}
