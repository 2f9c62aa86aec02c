package web

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/archive"
)

// replayClient is a client of a replay.
type replayClient struct {
	t *testing.T
	*socketClient
	id uint64
}

func dialReplay(t *testing.T, b *bed, query string) *replayClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := dialSocket(ctx, t, b.addr, "/cameras/front/replay?ack=1&"+query, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	c.ack = true
	r := &replayClient{t: t, socketClient: c}
	if m := r.get(); m.Type != "state" {
		t.Fatalf("the first message is %s", m)
	}
	return r
}

// get is the next message.
func (c *replayClient) get() *wsMessage {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	m, err := c.next(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// await is the next message of a type that follows the newest command, and where the condition holds.
func (c *replayClient) await(kind string, ok func(*wsMessage) bool) *wsMessage {
	c.t.Helper()
	for {
		if m := c.get(); m.Type == kind && m.Re == c.id && (ok == nil || ok(m)) {
			return m
		}
	}
}

func (c *replayClient) say(format string, args ...any) {
	c.t.Helper()
	c.id++
	message := fmt.Sprintf(`{"id":%d,%s}`, c.id, fmt.Sprintf(format, args...))
	if err := c.Write(c.t.Context(), websocket.MessageText, []byte(message)); err != nil {
		c.t.Fatal(err)
	}
}

// shows wants the next picture to be frame seq, byte for byte as it was recorded.
func (c *replayClient) shows(a *archive.Archive, seq uint64) *wsMessage {
	c.t.Helper()
	m := c.await("frame", nil)
	for _, f := range a.Frames(time.Time{}, time.Time{}) {
		if f.Seq != m.Seq {
			continue
		}
		if !bytes.Equal(f.Data, m.data) || m.Epoch != f.Epoch || !m.Recorded || m.CapturedMS != float64(f.Captured.UnixMicro())/1e3 || m.Width != 64 || m.Height != 48 {
			c.t.Errorf("frame %d is not as it was recorded: %s", seq, m)
		}
	}
	if m.Seq != seq {
		c.t.Fatalf("got %s, want frame %d", m, seq)
	}
	return m
}

func millis0(t time.Time) float64 { return float64(t.UnixMicro()) / 1e3 }

// A replay from one moment to another brings every frame of it in order, none earlier than its time, and says
// when it is at the end.
func TestReplay(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:00:04Z&to=2026-11-22T10:00:05Z")
	first := c.shows(a, 41)
	for seq := uint64(42); seq <= 50; seq++ {
		m := c.shows(a, seq)
		if got, want := m.SentMS-first.SentMS, float64(seq-41)*100; got < want-1 {
			t.Errorf("frame %d came after %.0f ms, want %.0f", seq, got, want)
		}
		if m.Skipped != 0 {
			t.Errorf("%s", m)
		}
	}
	if m := c.await("state", nil); !m.End || m.Playing || m.Error != "" {
		t.Errorf("at the end: %s", m)
	}
}

// Stretches without pictures are skipped, or waited through where the client keeps the clock.
func TestReplaySkipsHoles(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:00:04.8Z&to=2026-11-22T10:02:00Z")
	c.shows(a, 49)
	c.shows(a, 50)
	if m := c.shows(a, 51); m.Gap == nil || m.Gap.Reason != string(frame.GapCamera) {
		t.Errorf("after a hole: %s", m)
	}
	c.shows(a, 52)

	c = dialReplay(t, b, "from=2026-11-22T10:00:04.8Z&gaps=wait")
	c.shows(a, 49)
	c.shows(a, 50)
	if m := c.await("next", nil); m.CapturedMS != millis0(recordedFrom().Add(time.Minute)) || m.Gap == nil {
		t.Errorf("before a hole: %s", m)
	}
	c.say(`"type":"play","position_ms":%f`, millis0(recordedFrom().Add(time.Minute)))
	c.shows(a, 51)
	// Into the middle of it: there is nothing to be shown.
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(30*time.Second)))
	if m := c.await("next", nil); m.CapturedMS != millis0(recordedFrom().Add(time.Minute)) {
		t.Errorf("in a hole: %s", m)
	}
	// Without it, the other side of the hole is what there is.
	c = dialReplay(t, b, "from=2026-11-22T10:00:30Z&paused=1")
	c.shows(a, 51)
}

func TestReplaySteps(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:01:00.05Z&paused=1")
	c.shows(a, 52)
	for _, step := range []struct {
		frames int
		want   uint64
	}{{1, 53}, {1, 54}, {-1, 53}, {-1, 52}, {1, 53}, {-1, 52}, {-1, 51}, {-1, 50}, {-1, 49}, {1, 50}, {1, 51}, {-1, 50}} {
		c.say(`"type":"step","frames":%d`, step.frames)
		c.shows(a, step.want)
	}
	// To the beginning, and not beyond it.
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom()))
	if m := c.await("state", nil); m.Playing {
		t.Errorf("a seek has begun to play: %s", m)
	}
	c.shows(a, 1)
	c.say(`"type":"step","frames":-1`)
	c.await("state", func(m *wsMessage) bool { return m.Begin })
	c.say(`"type":"step","frames":1`)
	c.shows(a, 2)
	// From behind the end, back to the last.
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(time.Hour)))
	c.await("state", func(m *wsMessage) bool { return m.End })
	c.say(`"type":"step","frames":-1`)
	c.shows(a, 60)
	c.say(`"type":"step","frames":1`)
	c.await("state", func(m *wsMessage) bool { return m.End })
}

func TestReplayPauseAndSpeed(t *testing.T) {
	b, a := recordedBed(t, Config{})
	a.Fill(recordedFrom().Add(time.Hour), 30, 30*600, 100, func(uint64) []byte { return jpegSmall(t) })
	c := dialReplay(t, b, "from=2026-11-22T11:00:00Z&speed=2")
	c.await("frame", func(m *wsMessage) bool { return m.Seq > 105 })
	c.say(`"type":"pause"`)
	if m := c.await("state", nil); m.Playing {
		t.Fatalf("after a pause: %s", m)
	}
	// Whatever is answered after the pause, no picture is.
	c.say(`"type":"pause"`)
	held := c.await("state", nil)
	c.say(`"type":"pause"`)
	if m := c.await("state", nil); m.PositionMS != held.PositionMS {
		t.Errorf("it moves while it is paused: %s, then %s", held, m)
	}
	c.say(`"type":"speed","speed":16`)
	c.await("state", func(m *wsMessage) bool { return m.Speed == 16 && !m.Playing })
	c.say(`"type":"play"`)
	before := c.await("frame", nil)
	for range 10 {
		m := c.await("frame", nil)
		if m.CapturedMS-before.CapturedMS < 500 {
			t.Errorf("at 16× a picture %.0f ms after another", m.CapturedMS-before.CapturedMS)
		}
		before = m
	}
	asked := a.Asked()
	if last := asked[len(asked)-1]; last.EveryMS != 533 || last.Speed != 0 {
		t.Errorf("the recorder was asked %+v", last)
	}
	// A step then is to the very next frame.
	c.say(`"type":"step","frames":1`)
	m := c.await("frame", nil)
	c.say(`"type":"step","frames":1`)
	if next := c.await("frame", nil); next.Seq != m.Seq+1 {
		t.Errorf("one step after %s is %s", m, next)
	}
}

func jpegSmall(t *testing.T) []byte { return jpegOf(t, 64, 48, 2000) }

// A client that does not acknowledge gets no more than the window holds.
func TestReplayWaitsForAcknowledgements(t *testing.T) {
	b, _ := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:00:00Z&speed=16")
	c.ack = false
	first := c.await("frame", nil)
	// Answers to the time come, pictures do not.
	for i := range 20 {
		if err := c.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"type":"time","t":%d}`, i)); err != nil {
			t.Fatal(err)
		}
		if m := c.get(); m.Type == "frame" && m.N > mostInFlight {
			t.Fatalf("%d frames without an acknowledgement: %s after %s", m.N, m, first)
		}
	}
}

// What comes after the newest frame is shown when it comes.
func TestReplayFollows(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:01:00.8Z")
	c.shows(a, 59)
	c.shows(a, 60)
	c.await("state", func(m *wsMessage) bool { return m.End && m.Playing })
	data := jpegSmall(t)
	a.Fill(recordedFrom().Add(61*time.Second), 10, 2, 61, func(uint64) []byte { return data })
	c.shows(a, 61)
	c.shows(a, 62)
}

// A recorder that goes away is said, and the replay goes on when it is asked to and there is one again.
func TestReplayWhoseRecorderGoes(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:00:00Z&paused=1")
	c.shows(a, 1)
	a.Stop()
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(time.Second)))
	if m := c.await("state", func(m *wsMessage) bool { return m.Error != "" }); m.Playing {
		t.Errorf("without a recorder: %s", m)
	}
	again := archive.New(t, connect(t, b.broker.URL()), "front")
	again.Fill(recordedFrom(), 10, 50, 1, func(uint64) []byte { return jpegSmall(t) })
	waitFor(t, "the recorder to answer", patience, func() bool {
		ranges, err := b.bus.Ranges(t.Context(), "front", time.Time{}, time.Time{})
		return err == nil && len(ranges.Spans) > 0
	})
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(time.Second)))
	c.shows(again, 11)
}

// Messages that make no sense change nothing and end nothing.
func TestReplayHostileMessages(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:00:00Z&paused=1")
	c.shows(a, 1)
	for _, message := range []string{
		"", "{", "null", "[]", `"seek"`, `{"type":"seek"}`, `{"type":"seek","position_ms":-1}`, `{"type":"seek","position_ms":1e300}`,
		`{"type":"seek","position_ms":"now"}`, `{"type":"seek","position_ms":0}`, `{"type":"play","position_ms":1e17}`,
		`{"type":"speed"}`, `{"type":"speed","speed":0}`, `{"type":"speed","speed":-4}`, `{"type":"speed","speed":1e9}`, `{"type":"speed","speed":1e999}`,
		`{"type":"step"}`, `{"type":"step","frames":0}`, `{"type":"step","frames":2}`, `{"type":"step","frames":-99999999999999999999}`,
		`{"type":"ack","n":99999}`, `{"type":"ack","n":-1}`, `{"type":"time"}`, `{"type":"live"}`, `{"id":-1,"type":"pause"}`,
	} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"play"}`)); err != nil {
		t.Fatal(err)
	}
	c.say(`"type":"step","frames":1`)
	for {
		m := c.get()
		if m.Type == "state" && (m.Playing || m.Speed != 1) {
			t.Errorf("it was heeded: %s", m)
		}
		if m.Type == "frame" {
			if m.Seq != 2 {
				t.Errorf("a step after it shows %s", m)
			}
			break
		}
	}
}

// Seeks that come faster than anybody can answer leave one replay at the recorder, and the last one counts.
func TestReplayManySeeks(t *testing.T) {
	b, a := recordedBed(t, Config{})
	c := dialReplay(t, b, "from=2026-11-22T10:00:00Z&paused=1")
	for i := range 200 {
		c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(time.Duration(i%45)*100*time.Millisecond)))
	}
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(4500*time.Millisecond)))
	// Of more commands than it takes at a time, some are not heard: the last is said until it is.
	for {
		m := c.get()
		if m.Type == "frame" && m.Seq == 46 {
			break
		}
		if m.Type == "state" && m.Re < c.id {
			c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(4500*time.Millisecond)))
		}
	}
	waitFor(t, "no more than one replay to run", patience, func() bool { return a.Running() <= 1 })
	_ = c.CloseNow()
	waitFor(t, "the replay to end", patience, func() bool { return a.Running() == 0 && visitors(b) == 0 })
}

func TestReplayRoom(t *testing.T) {
	b, a := recordedBed(t, Config{})
	var taken []func()
	for range b.server.cfg.MaxReplays {
		release, ok, _ := b.server.replays.take("")
		if !ok {
			t.Fatal("no room for as many as there may be")
		}
		taken = append(taken, release)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := dialSocket(ctx, t, b.addr, "/cameras/front/replay", nil, true); err == nil || err.Error()[:3] != "503" {
		t.Errorf("one too many: %v", err)
	}
	taken[0]()
	c := dialReplay(t, b, "from=2026-11-22T10:00:00Z&paused=1")
	c.shows(a, 1)
	a.Refuse(&bus.RecorderError{Code: 429, Text: "too many"})
	c.say(`"type":"seek","position_ms":%f`, millis0(recordedFrom().Add(time.Second)))
	if m := c.await("state", func(m *wsMessage) bool { return m.Error != "" }); !strings.Contains(m.Error, "recorder of camera front has no room") {
		t.Errorf("a recorder that is busy: %s", m)
	}
}
