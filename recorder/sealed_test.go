package recorder

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// sealedFootage has 60 sealed frames: 40 in files, one of which was altered before it was stored, and the
// rest in the stream. plain are the pictures.
type sealedFootage struct {
	*footage
	key   seal.Key
	plain []frame.Frame
}

const altered = 15 // its place

func newSealedFootage(t *testing.T) *sealedFootage {
	g, shoot := sealing(t)
	for n := 1; n <= 60; n++ {
		plain, f := shoot(n)
		g.plain = append(g.plain, plain)
		if n == altered {
			f.Data[len(f.Data)-1] ^= 1
		}
		g.store(f)
	}
	g.record(1, 40)
	return g
}

// sealing is footage with nothing in it, and what makes its nth frame.
func sealing(t *testing.T) (g *sealedFootage, shoot func(n int) (plain, sealed frame.Frame)) {
	t.Helper()
	g = &sealedFootage{footage: newFootage(t, 0)}
	var err error
	if g.key, err = seal.NewKey(); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(g.key, []seal.Public{g.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	return g, func(n int) (plain, sealed frame.Frame) {
		t.Helper()
		plain = frame.Frame{
			Camera: "front", Epoch: "first", Seq: uint64(n), Captured: began().Add(time.Duration(n) * 100 * time.Millisecond),
			Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: testPicture(t, 64, 48, n),
		}
		sealed, err := sealer.Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		return plain, sealed
	}
}

// with is a connection with the keys.
func (g *sealedFootage) with(keys ...seal.Key) *bus.Conn {
	g.t.Helper()
	if len(keys) == 0 {
		return g.opening(nil)
	}
	return g.opening(seal.NewOpener(seal.Keys{Own: keys}))
}

func (g *sealedFootage) opening(opener bus.Opener) *bus.Conn {
	g.t.Helper()
	conn, err := bus.Connect(soon(g.t), bus.Options{Server: g.server.URL(), Opener: opener})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.WaitConnected(soon(g.t)); err != nil {
		g.t.Fatal(err)
	}
	return conn
}

// opened are the pictures that can be seen, by their place.
func (g *sealedFootage) opened(t *testing.T, data []byte) {
	t.Helper()
	times, width := probe(t, data)
	if len(times) != 59 || width != 64 {
		t.Errorf("%d frames of %d pixels in the file, want 59 of 64", len(times), width)
	}
	for _, f := range g.plain {
		if bytes.Contains(data, f.Data) == (f.Seq == altered) {
			t.Errorf("frame %d: in the file is what should not be, or the other way round", f.Seq)
		}
	}
}

func isSealed(err error) bool {
	refused, rejected := new(bus.RecorderError), new(frame.RejectError)
	return errors.Is(err, ErrSealed) || errors.As(err, &refused) && refused.Code == 423 || errors.As(err, &rejected) && rejected.Reason == frame.ReasonSealed
}

func TestSealedRecording(t *testing.T) {
	g := newSealedFootage(t)
	stranger, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}

	// Replayed.
	replay, err := g.with(g.key).Replay(soon(t), "front", bus.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replay.Close() }()
	for n := 1; n <= 60; n++ {
		if n == altered {
			continue
		}
		f, err := replay.Next(soon(t))
		if err != nil || f.Seq != uint64(n) || f.Codec != frame.JPEG || !bytes.Equal(f.Data, g.plain[n-1].Data) {
			t.Fatalf("frame %d: %d, %v", n, f.Seq, err)
		}
		gap := replay.Gap()
		if n == altered+1 && (gap == nil || gap.Reason != frame.GapRejected || gap.Missing != 1) || n != altered+1 && gap != nil {
			t.Errorf("before frame %d: %+v", n, gap)
		}
	}
	g.expectEnd(replay)
	for name, conn := range map[string]*bus.Conn{"no key": g.with(), "another key": g.with(stranger)} {
		replay, err := conn.Replay(soon(t), "front", bus.ReplayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := replay.Next(soon(t)); !isSealed(err) {
			t.Errorf("%s: %v", name, err)
		}
		_ = replay.Close()
	}

	// Exported.
	for name, conn := range map[string]*bus.Conn{"no key": g.with(), "another key": g.with(stranger)} {
		var out bytes.Buffer
		if _, err := Export(soon(t), conn, "front", bus.ExportOptions{}, &out, nil); !isSealed(err) || out.Len() > 0 {
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		}
	}
	for _, split := range []bool{false, true} {
		var out bytes.Buffer
		var last bus.ExportProgress
		result, err := Export(soon(t), g.with(g.key), "front", bus.ExportOptions{Split: split}, &out, func(p bus.ExportProgress) { last = p })
		if err != nil || result.Frames != 59 || result.Bytes != int64(out.Len()) || len(result.Gaps) != 1 || last.Bytes != result.Bytes || !last.Captured.Equal(g.plain[59].Captured) {
			t.Errorf("%+v, %+v, %v", result, last, err)
		}
		g.opened(t, out.Bytes())
	}
	var out bytes.Buffer
	if _, err := Export(soon(t), g.with(g.key), "front", bus.ExportOptions{From: began().Add(time.Hour)}, &out, nil); err == nil || isSealed(err) || out.Len() > 0 {
		t.Errorf("nothing there: %d bytes, %v", out.Len(), err)
	}

	// From the files alone, in which there is no picture.
	g.record(41, 60)
	o := bus.ExportOptions{From: began()}
	result, err := ExportFolder(t.Context(), g.dir, "front", o, seal.NewOpener(seal.Keys{Own: []seal.Key{stranger, g.key}}), &out, nil, nil)
	if err != nil || result.Frames != 59 || len(result.Gaps) != 1 || result.Gaps[0].Reason != frame.GapRejected {
		t.Errorf("%+v, %v", result, err)
	}
	g.opened(t, out.Bytes())
	for name, opener := range map[string]bus.Opener{"no key": nil, "another key": seal.NewOpener(seal.Keys{Own: []seal.Key{stranger}})} {
		out.Reset()
		if _, err := ExportFolder(t.Context(), g.dir, "front", o, opener, &out, nil, nil); !isSealed(err) || out.Len() > 0 {
			t.Errorf("from the folder, %s: %d bytes, %v", name, out.Len(), err)
		}
	}
	read := 0
	err = filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for _, f := range g.plain {
			if bytes.Contains(data, f.Data[2:40]) || bytes.Contains(data, f.Data[len(f.Data)/2:len(f.Data)/2+16]) {
				t.Errorf("frame %d can be read in %s", f.Seq, path)
			}
		}
		return nil
	})
	if err != nil || read < 2 {
		t.Errorf("%d files read, %v", read, err)
	}
}

// What is missing before a frame whose seal is broken is told as well.
func TestGapsBeforeABrokenSeal(t *testing.T) {
	g, shoot := sealing(t)
	for n := 1; n <= 20; n++ {
		if n > 10 && n < 16 {
			continue
		}
		_, f := shoot(n)
		if n == 16 {
			f.Data[len(f.Data)-1] ^= 1
		}
		g.store(f)
	}
	g.record(1, 15)
	check := func(how string, result bus.ExportResult, err error) {
		t.Helper()
		if err != nil || result.Frames != 14 || len(result.Gaps) != 2 || result.Gaps[0].Missing != 5 || result.Gaps[0].Reason == frame.GapRejected ||
			result.Gaps[1].Missing != 1 || result.Gaps[1].Reason != frame.GapRejected {
			t.Errorf("%s: %+v, %v", how, result, err)
		}
	}
	result, err := ExportFolder(t.Context(), g.dir, "front", bus.ExportOptions{}, seal.NewOpener(seal.Keys{Own: []seal.Key{g.key}}), io.Discard, nil, nil)
	check("from the files", result, err)
	result, err = Export(soon(t), g.with(g.key), "front", bus.ExportOptions{}, io.Discard, nil)
	check("replayed", result, err)
}

// Where sealing begins, who has the key does not notice; for others it is a change like that of the size.
func TestSealedFromThenOn(t *testing.T) {
	g := &sealedFootage{footage: newFootage(t, 0)}
	g.publish(10, plainScene(), time.Time{})
	var err error
	if g.key, err = seal.NewKey(); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(g.key, []seal.Public{g.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 10; n++ {
		f := g.frames[9]
		f.Epoch, f.Seq, f.Captured = "second", uint64(n), f.Captured.Add(time.Duration(n)*100*time.Millisecond)
		if f, err = sealer.Seal(f); err != nil {
			t.Fatal(err)
		}
		g.store(f)
	}
	g.record(1, 10)
	g.record(11, 20)
	var out bytes.Buffer
	result, err := Export(soon(t), g.with(g.key), "front", bus.ExportOptions{}, &out, nil)
	if err != nil || result.Frames != 20 || !result.Rest.IsZero() || len(result.Gaps) > 1 { // between two runs of the camera
		t.Errorf("with the key: %+v, %v", result, err)
	}
	if times, _ := probe(t, out.Bytes()); len(times) != 20 {
		t.Errorf("%d frames in the file", len(times))
	}
	out.Reset()
	if result, err = Export(soon(t), g.with(), "front", bus.ExportOptions{Split: true}, &out, nil); err != nil || result.Frames != 10 || !result.Rest.Equal(g.frames[10].Captured) {
		t.Errorf("without: %+v, %v", result, err)
	}
	if times, _ := probe(t, out.Bytes()); len(times) != 10 {
		t.Errorf("%d frames in the file that anybody may have", len(times))
	}
	refused := new(bus.RecorderError)
	if _, err := Export(soon(t), g.with(), "front", bus.ExportOptions{}, &out, nil); !errors.As(err, &refused) || refused.Code != 409 {
		t.Errorf("without, in one file: %v", err)
	}

	// Whoever knows that the camera is sealed takes nothing else for it, from whomever it comes.
	conn := g.opening(seal.NewOpener(seal.Keys{Own: []seal.Key{g.key}, From: map[frame.CameraID][]seal.Public{"front": {g.key.Public()}}}))
	out.Reset()
	if result, err = Export(soon(t), conn, "front", bus.ExportOptions{}, &out, nil); err != nil || result.Frames != 10 || len(result.Gaps) == 0 {
		t.Errorf("where it must be sealed: %+v, %v", result, err)
	}
}
