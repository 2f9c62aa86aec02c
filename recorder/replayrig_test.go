package recorder

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

const replayPatience = 20 * time.Second

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), replayPatience)
	t.Cleanup(cancel)
	return ctx
}

// footage is a camera's recordings, made for a test: a stream, files of some of it, and the service
// over both.
type footage struct {
	t      testing.TB
	server *broker.Server
	js     jetstream.JetStream
	folder *segment.Folder
	dir    string
	index  *index.Index
	stop   func() // of the service
	asker  *bus.Conn

	mu      sync.Mutex
	writing *segment.Info
	frames  []frame.Frame // all there ever were; the number in the stream is the place, from 1
}

// began is when the first frame of a test was captured.
func began() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC) }

func newFootage(t testing.TB, places int) *footage {
	t.Helper()
	return newFootageOf(t, newReplays(places, places))
}

func newFootageOf(t testing.TB, places *replays) *footage {
	t.Helper()
	server, err := broker.Start(soon(t), broker.Config{Listen: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	connect := func() *bus.Conn {
		conn, err := bus.Connect(soon(t), bus.Options{Server: server.URL()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.WaitConnected(soon(t)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	conn := connect()
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		t.Fatal(err)
	}
	g := &footage{t: t, server: server, js: js, dir: t.TempDir(), asker: connect()}
	g.makeStream()
	if g.folder, err = segment.OpenFolder(g.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.folder.Close() })
	if g.index, err = index.Open(soon(t), filepath.Join(g.dir, "index.sqlite")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.index.Close() })
	g.stop, err = serve(t.Context(), served{
		Bus: conn, ID: "front", Version: "0.0.0", Folder: g.folder, Index: g.index, Replays: places,
		Log:  slog.New(slog.NewTextHandler(t.Output(), nil)),
		Last: func(ctx context.Context) (segment.Info, bool, error) { return g.index.Newest(ctx, "front") },
		Writing: func() (segment.Info, bool) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.writing == nil {
				return segment.Info{}, false
			}
			return *g.writing, true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.stop)
	g.until(func() bool {
		_, err := g.asker.Ranges(soon(t), "front", time.Time{}, time.Time{})
		return !errors.Is(err, bus.ErrNoRecorder)
	})
	return g
}

func (g *footage) makeStream() {
	g.t.Helper()
	const noStore jetstream.ErrorCode = 10049 // the server still removes the files of one of that name
	g.until(func() bool {
		_, err := g.js.CreateStream(soon(g.t), jetstream.StreamConfig{
			Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld,
			MaxAge: time.Hour, MaxBytes: 256 << 20, MaxMsgSize: 8 << 20, AllowDirect: true, Duplicates: 2 * time.Minute,
		})
		refused := new(jetstream.APIError)
		if err != nil && (!errors.As(err, &refused) || refused.ErrorCode != noStore) {
			g.t.Fatal(err)
		}
		return err == nil
	})
}

func (g *footage) until(condition func() bool) {
	g.t.Helper()
	deadline := time.Now().Add(replayPatience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			g.t.Fatalf("not so within %v", replayPatience)
		}
		<-tick.C
	}
}

// scene is what frames of a test have in common.
type scene struct {
	epoch         string
	width, height int
	every         time.Duration
}

func plainScene() scene {
	return scene{epoch: "first", width: 64, height: 48, every: 100 * time.Millisecond}
}

// publish stores n more frames in the stream, after the last or from at on.
func (g *footage) publish(n int, s scene, at time.Time) {
	g.t.Helper()
	seq := uint64(0)
	if len(g.frames) > 0 {
		last := g.frames[len(g.frames)-1]
		if at.IsZero() {
			at = last.Captured.Add(s.every)
		}
		if last.Epoch == s.epoch {
			seq = last.Seq
		}
	}
	if at.IsZero() {
		at = began()
	}
	for range n {
		seq++
		f := frame.Frame{
			Camera: "front", Epoch: s.epoch, Seq: seq, Captured: at, Published: at.Add(time.Millisecond),
			Codec: frame.JPEG, Width: s.width, Height: s.height, Key: true, Data: testPicture(g.t, s.width, s.height, len(g.frames)),
		}
		at = at.Add(s.every)
		g.store(f)
	}
}

func (g *footage) store(f frame.Frame) {
	g.t.Helper()
	g.frames = append(g.frames, f)
	ack, err := g.js.PublishMsg(soon(g.t), &nats.Msg{Subject: "cam.front.frame", Header: f.Header(true), Data: f.Data})
	if err != nil || ack.Duplicate {
		g.t.Fatalf("frame %s-%d: %+v, %v", f.Epoch, f.Seq, ack, err)
	}
}

// testPicture is a JPEG whose colour tells its number.
func testPicture(t testing.TB, width, height, n int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = uint8(n*37 + i)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// record writes frames first to last (their numbers in the stream) to a segment, closes it and notes it.
func (g *footage) record(first, last int) segment.Info {
	g.t.Helper()
	w := g.write(first, last)
	info, err := w.Close()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.index.Add(soon(g.t), info); err != nil {
		g.t.Fatal(err)
	}
	g.setWriting(nil)
	return info
}

// noteGap notes a gap that is in no segment.
func (g *footage) noteGap(gap frame.Gap) error {
	ctx := soon(g.t)
	return g.index.Update(ctx, func(tx *index.Tx) error { return tx.AddGap(ctx, "front", gap) })
}

// write begins a segment with frames first to last, all of it on disk.
func (g *footage) write(first, last int) *segment.Writer {
	g.t.Helper()
	w, err := g.folder.Create(&g.frames[first-1], segment.Options{Jump: time.Hour})
	if err != nil {
		g.t.Fatal(err)
	}
	g.append(w, first, last)
	return w
}

func (g *footage) append(w *segment.Writer, first, last int) {
	g.t.Helper()
	for n := first; n <= last; n++ {
		if err := w.Append(&g.frames[n-1], uint64(n)); err != nil {
			g.t.Fatal(err)
		}
		if n%10 == 0 || n == last { // parts
			if err := w.Flush(); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	info := w.Info()
	g.setWriting(&info)
}

func (g *footage) setWriting(info *segment.Info) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writing = info
}

// drop makes the stream drop all before a number.
func (g *footage) drop(before int) {
	g.t.Helper()
	s, err := g.js.Stream(soon(g.t), "FRAMES_front")
	if err != nil {
		g.t.Fatal(err)
	}
	if err := s.Purge(soon(g.t), jetstream.WithPurgeSequence(uint64(before))); err != nil {
		g.t.Fatal(err)
	}
}

func (g *footage) replay(o bus.ReplayOptions) *bus.Replay {
	g.t.Helper()
	r, err := g.asker.Replay(soon(g.t), "front", o)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = r.Close() })
	return r
}

// expect reads frames first to last, by their place, from a replay, each once, byte for byte.
func (g *footage) expect(r *bus.Replay, first, last int) {
	g.t.Helper()
	for n := first; n <= last; n++ {
		f, err := r.Next(soon(g.t))
		if err != nil {
			g.t.Fatalf("frame %d: %v", n, err)
		}
		want := g.frames[n-1]
		if f.Epoch != want.Epoch || f.Seq != want.Seq || !f.Captured.Equal(want.Captured) || f.Width != want.Width || !bytes.Equal(f.Data, want.Data) {
			g.t.Fatalf("frame %d should be %s-%d of %s, is %s-%d of %s", n, want.Epoch, want.Seq, want.Captured, f.Epoch, f.Seq, f.Captured)
		}
	}
}

func (g *footage) expectEnd(r *bus.Replay) {
	g.t.Helper()
	if f, err := r.Next(soon(g.t)); !errors.Is(err, io.EOF) {
		g.t.Fatalf("after the last: %s-%d, %v", f.Epoch, f.Seq, err)
	}
}
