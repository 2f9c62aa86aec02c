package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// probe is what ffprobe says of a file: the times of its frames, in seconds.
func probe(t *testing.T, data []byte) (times []float64, width int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe.mp4")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("SKIPPED: ffprobe is not installed (apt-get install ffmpeg), so that nobody but us has read an export")
	}
	cmd := exec.CommandContext(soon(t), "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time,width", "-of", "json", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffprobe: %v\n%s", err, &stderr)
	}
	var said struct {
		Frames []struct {
			Time  string `json:"pts_time"`
			Width int    `json:"width"`
		} `json:"frames"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	for _, f := range said.Frames {
		at, err := strconv.ParseFloat(f.Time, 64)
		if err != nil {
			t.Fatal(err)
		}
		times, width = append(times, at), f.Width
	}
	return times, width
}

// expectFile checks that a file holds frames first to last, by their place, at their times.
func (g *footage) expectFile(t *testing.T, data []byte, first, last int) {
	t.Helper()
	times, _ := probe(t, data)
	if len(times) != last-first+1 {
		t.Fatalf("%d frames in the file, want %d", len(times), last-first+1)
	}
	for i, at := range times {
		want := g.frames[first-1+i].Captured.Sub(g.frames[first-1].Captured).Seconds()
		if math.Abs(at-want) > 0.0005 {
			t.Errorf("frame %d is at %.6f s, want %.6f", first+i, at, want)
		}
	}
	for i := first; i <= last; i++ { // untouched
		if !bytes.Contains(data, g.frames[i-1].Data) {
			t.Errorf("frame %d is not in the file as it was", i)
		}
	}
}

func (g *footage) export(o bus.ExportOptions) ([]byte, bus.ExportResult, error) {
	var out bytes.Buffer
	result, err := g.asker.Export(soon(g.t), "front", o, &out, nil)
	return out.Bytes(), result, err
}

func TestExportIsAFileForOthers(t *testing.T) {
	g := borderFootage(t)
	data, result, err := g.export(bus.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g.expectFile(t, data, 1, 150)
	if result.Frames != 150 || result.Bytes != int64(len(data)) || len(result.Gaps) != 0 || !result.Rest.IsZero() {
		t.Errorf("%+v of %d bytes", result, len(data))
	}
	o := bus.ExportOptions{From: g.frames[69].Captured, To: g.frames[119].Captured}
	if data, _, err = g.export(o); err != nil {
		t.Fatal(err)
	}
	g.expectFile(t, data, 70, 119)

	// Without a recorder and a broker it is the same file, as far as it is on disk.
	o.To = g.frames[94].Captured.Add(1)
	fromBus, _, err := g.export(o)
	if err != nil {
		t.Fatal(err)
	}
	g.stop()
	if err := g.server.Close(); err != nil {
		t.Fatal(err)
	}
	var fromDir bytes.Buffer
	result, err = ExportFolder(t.Context(), g.dir, "front", o, nil, &fromDir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fromDir.Bytes(), fromBus) || result.Frames != 26 {
		t.Errorf("from the folder: %d bytes, %+v; from the bus %d", fromDir.Len(), result, len(fromBus))
	}
}

func TestExportOfTwoSizes(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(20, plainScene(), time.Time{})
	g.publish(20, scene{epoch: "second", width: 128, height: 96, every: 50 * time.Millisecond}, time.Time{})
	g.record(1, 20)
	g.record(21, 30)
	g.write(31, 35)

	data, _, err := g.export(bus.ExportOptions{})
	var refusal *bus.RecorderError
	if !errors.As(err, &refusal) || refusal.Code != 409 || len(data) != 0 || !strings.Contains(refusal.Text, "128x96") {
		t.Errorf("two sizes: %d bytes, %v", len(data), err)
	}
	data, result, err := g.export(bus.ExportOptions{Split: true})
	if err != nil {
		t.Fatal(err)
	}
	g.expectFile(t, data, 1, 20)
	if !result.Rest.Equal(g.frames[20].Captured) || result.Frames != 20 {
		t.Errorf("the first part: %+v", result)
	}
	data, result, err = g.export(bus.ExportOptions{Split: true, From: result.Rest})
	if err != nil {
		t.Fatal(err)
	}
	g.expectFile(t, data, 21, 40)
	if !result.Rest.IsZero() || result.Frames != 20 {
		t.Errorf("the second: %+v", result)
	}
	// Up to the change and from it on, as the page asks for the parts of a download.
	changed := g.frames[20].Captured
	for _, part := range []struct {
		o           bus.ExportOptions
		first, last int
	}{{bus.ExportOptions{To: changed}, 1, 20}, {bus.ExportOptions{From: changed}, 21, 40}} {
		if data, _, err = g.export(part.o); err != nil {
			t.Fatal(err)
		}
		g.expectFile(t, data, part.first, part.last)
	}
	change := new(segment.ChangeError)
	if _, err := ExportFolder(t.Context(), g.dir, "front", bus.ExportOptions{}, nil, io.Discard, nil, nil); !errors.As(err, &change) {
		t.Errorf("two sizes in the folder: %v", err)
	}
}

// Where the clock was put back, more than the last segment that begins before a stretch reaches into it.
func TestExportFolderWhereTheClockWasPutBack(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(100, plainScene(), time.Time{})               // 10 s
	g.publish(20, plainScene(), began().Add(3*time.Second)) // 2 s of them
	g.record(1, 100)
	g.record(101, 120)
	for from, want := range map[int]uint64{61: 40, 41: 60 + 10} {
		o := bus.ExportOptions{From: g.frames[from-1].Captured}
		result, err := ExportFolder(t.Context(), g.dir, "front", o, nil, io.Discard, nil, nil)
		if err != nil || result.Frames != want {
			t.Errorf("from frame %d on: %+v, %v, want %d frames", from, result, err, want)
		}
	}
}

func TestExportTellsWhatIsMissing(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(10, plainScene(), time.Time{})
	g.publish(10, plainScene(), g.frames[9].Captured.Add(time.Minute))
	g.record(1, 10)
	g.record(11, 20)
	if err := g.noteGap(frame.Gap{From: g.frames[9].Captured, To: g.frames[10].Captured, Reason: frame.GapCamera}); err != nil {
		t.Fatal(err)
	}
	data, result, err := g.export(bus.ExportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g.expectFile(t, data, 1, 20)
	if len(result.Gaps) != 1 || result.Gaps[0].Reason != frame.GapCamera || !result.Gaps[0].To.Equal(g.frames[10].Captured) {
		t.Errorf("gaps: %+v", result.Gaps)
	}
	_, _, err = g.export(bus.ExportOptions{From: g.frames[9].Captured.Add(time.Second), To: g.frames[10].Captured})
	var refusal *bus.RecorderError
	if !errors.As(err, &refusal) || refusal.Code != 404 {
		t.Errorf("nothing there: %v", err)
	}
}

func TestExportFolderOfBadFiles(t *testing.T) {
	g := newFootage(t, 0)
	g.publish(60, plainScene(), time.Time{})
	g.record(1, 20)
	cut := g.record(21, 40)
	g.record(41, 60)
	path := func(p string) string { return filepath.Join(g.dir, filepath.FromSlash(p)) }
	if err := os.Truncate(path(cut.Path), 20_000); err != nil {
		t.Fatal(err)
	}
	day := filepath.Dir(path(cut.Path))
	for name, data := range map[string]string{
		"20261122T100001.000000000Z.mp4":         "",
		"20261122T100001.500000000Z.mp4.part":    "garbage",
		"20261122T100001.600000000Z.mp4.damaged": "garbage",
		"notes.txt":                              "not ours",
	} {
		if err := os.WriteFile(filepath.Join(day, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(g.dir, "index.sqlite")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	result, err := ExportFolder(t.Context(), g.dir, "front", bus.ExportOptions{}, nil, &out, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	times, _ := probe(t, out.Bytes())
	if uint64(len(times)) != result.Frames || result.Frames < 50 || result.Frames >= 60 || len(result.Gaps) == 0 {
		t.Errorf("%d frames in the file, %+v", len(times), result)
	}
	for _, c := range []struct {
		dir  string
		id   frame.CameraID
		o    bus.ExportOptions
		says string
	}{
		{g.dir, "back", bus.ExportOptions{}, "nothing is recorded"},
		{g.dir, "front", bus.ExportOptions{From: g.frames[59].Captured.Add(time.Second)}, "nothing is recorded from 2026"},
		{g.dir, "front", bus.ExportOptions{From: g.frames[9].Captured, To: g.frames[8].Captured}, "not before"},
		{filepath.Join(g.dir, "nowhere"), "front", bus.ExportOptions{}, "no such file"},
		{path(cut.Path), "front", bus.ExportOptions{}, "not a folder"},
	} {
		if _, err := ExportFolder(t.Context(), c.dir, c.id, c.o, nil, io.Discard, nil, nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %s: %v, want %q", c.id, c.dir, err, c.says)
		}
	}
	if _, err := os.Stat(filepath.Join(g.dir, "nowhere")); err == nil {
		t.Error("a folder was made by looking for one")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ExportFolder(ctx, g.dir, "front", bus.ExportOptions{}, nil, io.Discard, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
