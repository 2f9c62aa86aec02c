package recorder

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// sealedTo seals frames of one camera.
func sealedTo(t *testing.T, key seal.Key) func(n int, at time.Time) frame.Frame {
	t.Helper()
	sealer, err := seal.NewSealer(key, []seal.Public{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	return func(n int, at time.Time) frame.Frame {
		t.Helper()
		f, err := sealer.Seal(frame.Frame{
			Camera: "front", Epoch: "first", Seq: uint64(n), Captured: at,
			Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: testPicture(t, 64, 48, n),
		})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// A viewer was added late, and between the frames that it opens are some that nobody does.
func TestSealedToOthersForAWhile(t *testing.T) {
	keys := make([]seal.Key, 3)
	for i := range keys {
		var err error
		if keys[i], err = seal.NewKey(); err != nil {
			t.Fatal(err)
		}
	}
	alice, before, stranger := keys[0], keys[1], keys[2]
	g := &sealedFootage{footage: newFootage(t, 0), key: alice}
	toAlice, toOthers := sealedTo(t, alice), sealedTo(t, before)
	for n := 1; n <= 60; n++ {
		by := toAlice
		if n <= 30 || n == 45 || n > 55 {
			by = toOthers
		}
		g.store(by(n, began().Add(time.Duration(n)*100*time.Millisecond)))
	}
	g.record(1, 40)
	g.record(41, 60)
	check := func(how string, out *bytes.Buffer, result bus.ExportResult, err error) {
		t.Helper()
		if err != nil || result.Frames != 24 || len(result.Gaps) != 3 {
			t.Fatalf("%s: %+v, %v", how, result, err)
		}
		for i, missing := range []uint64{30, 1, 5} {
			if gap := result.Gaps[i]; gap.Missing != missing || gap.Reason != frame.GapSealed {
				t.Errorf("%s: gap %d is %+v", how, i, gap)
			}
		}
		if gap := result.Gaps[0]; !gap.From.Equal(g.frames[0].Captured) || !gap.To.Equal(g.frames[29].Captured) {
			t.Errorf("%s: the first gap: %+v", how, gap)
		}
		if times, width := probe(t, out.Bytes()); len(times) != 24 || width != 64 {
			t.Errorf("%s: %d frames of %d pixels", how, len(times), width)
		}
	}
	var out bytes.Buffer
	result, err := Export(soon(t), g.with(alice), "front", bus.ExportOptions{}, &out, nil)
	check("replayed", &out, result, err)
	out.Reset()
	result, err = ExportFolder(t.Context(), g.dir, "front", bus.ExportOptions{}, seal.NewOpener(seal.Keys{Own: []seal.Key{alice}}), &out, nil, nil)
	check("from the folder", &out, result, err)

	out.Reset()
	if _, err = Export(soon(t), g.with(stranger), "front", bus.ExportOptions{}, &out, nil); !isSealed(err) || out.Len() > 0 {
		t.Errorf("who opens nothing: %d bytes, %v", out.Len(), err)
	}
	_, err = ExportFolder(t.Context(), g.dir, "front", bus.ExportOptions{}, seal.NewOpener(seal.Keys{Own: []seal.Key{stranger}}), &out, nil, nil)
	if !isSealed(err) || out.Len() > 0 {
		t.Errorf("who opens nothing, from the folder: %d bytes, %v", out.Len(), err)
	}
}

// What is in the file is of the time that was asked for, whatever is sent.
func TestExportOfAnotherTime(t *testing.T) {
	g := &sealedFootage{footage: newFootage(t, 0)}
	var err error
	if g.key, err = seal.NewKey(); err != nil {
		t.Fatal(err)
	}
	sealed := sealedTo(t, g.key)
	g.stop() // another answers in its place
	liar := g.with()
	var sent []frame.Frame
	stop, err := liar.ServeRecorder(t.Context(), bus.RecorderService{Camera: "front", Version: "0.0.0", Verbs: bus.RecorderVerbs{
		Ranges: func(context.Context, frame.RangesRequest) (frame.Ranges, error) {
			return frame.Ranges{Camera: "front"}, nil
		},
		Replay: func(ctx context.Context, _ frame.ReplayRequest, job *bus.Job) error {
			err := job.Begin(uint64(len(sent)), 1)
			for i := range sent {
				if err == nil {
					err = job.Frame(ctx, &sent[i])
				}
			}
			return err
		},
		Export: func(context.Context, frame.ExportRequest, *bus.Job) error { return errors.New("not asked for") },
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	asker := g.with(g.key)
	g.until(func() bool {
		ranges, err := asker.Ranges(soon(t), "front", time.Time{}, time.Time{})
		return err == nil && ranges.Time.IsZero()
	})
	o := bus.ExportOptions{From: began(), To: began().Add(5 * time.Minute)}
	for n := 1; n <= 20; n++ {
		sent = append(sent, sealed(n, began().Add(time.Duration(n)*time.Second-24*time.Hour)))
	}
	var out bytes.Buffer
	if _, err := Export(soon(t), asker, "front", o, &out, nil); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "20 frames were rejected") || out.Len() > 0 {
		t.Errorf("yesterday's: %d bytes, %v", out.Len(), err)
	}
	for n := 21; n <= 40; n++ {
		if n < 30 || n > 34 {
			sent = append(sent, sealed(n, began().Add(time.Duration(n)*time.Second)))
		}
	}
	result, err := Export(soon(t), asker, "front", o, &out, nil)
	if err != nil || result.Frames != 15 || len(result.Gaps) != 2 || result.Gaps[0].Reason != frame.GapRejected || result.Gaps[0].Missing != 20 ||
		result.Gaps[1].Reason != frame.GapUnknown || result.Gaps[1].Missing != 5 {
		t.Errorf("%+v, %v", result, err)
	}
	if times, _ := probe(t, out.Bytes()); len(times) != 15 {
		t.Errorf("%d frames in the file", len(times))
	}
}

// Who has a key is stricter, and loses nothing by it where the camera's clock was put back.
func TestReplayWithAKeyWhereTheClockWasPutBack(t *testing.T) {
	g := &sealedFootage{footage: newFootage(t, 0)}
	g.publish(60, plainScene(), time.Time{})
	g.publish(90, plainScene(), began().Add(-3*time.Second)) // both are of the same seconds then
	g.publish(50, plainScene(), began().Add(time.Hour))
	g.record(1, 60)
	g.record(61, 100)
	g.record(101, 150)
	g.asker = g.opening(seal.NewOpener(seal.Keys{}))
	all := g.replay(bus.ReplayOptions{})
	g.expect(all, 61, 100)
	g.expect(all, 1, 60)
	g.expect(all, 101, 200)
	g.expectEnd(all)
}
