package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

func TestExportFromAFolder(t *testing.T) {
	dir, first := recordedFolder(t, 60)
	out := t.TempDir()
	clip := filepath.Join(out, "clip.mp4")
	c := exportCommand{From: moment(first.Format(time.RFC3339)), To: "+2s", Output: clip, Dir: dir}
	if _, log, err := runExport(t, t.Context(), c); err != nil || !strings.Contains(log, "frames=20") || strings.Contains(log, "\r") {
		t.Fatalf("%v\n%s", err, log)
	}
	if frames, codec, last := probed(t, clip); frames != 20 || codec != "mjpeg" || last < 1.8995 || last > 1.9005 {
		t.Errorf("%d frames of %s, the last at %g s", frames, codec, last)
	}
	// A file is a plain one, with its tables in front; what comes out as a stream cannot be.
	if got := outermost(t, clip); got != "ftyp moov free mdat" {
		t.Errorf("the file is %s", got)
	}
	if _, _, err := runExport(t, t.Context(), c); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("an existing file: %v", err)
	}
	c.Force, c.To = true, "+1s"
	if _, _, err := runExport(t, t.Context(), c); err != nil {
		t.Error(err)
	}
	if frames, _, _ := probed(t, clip); frames != 10 {
		t.Errorf("written over: %d frames", frames)
	}
	if got := names(t, out); got != "clip.mp4" {
		t.Errorf("left behind: %s", got)
	}
	c.Output = "-"
	stdout, _, err := runExport(t, t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	streamed := filepath.Join(out, "streamed.mp4")
	if err := os.WriteFile(streamed, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if frames, _, _ := probed(t, streamed); frames != 10 || !strings.HasPrefix(outermost(t, streamed), "ftyp moov moof mdat") {
		t.Errorf("standard output has %d frames in %s", frames, outermost(t, streamed))
	}
}

func TestExportOfTwoSizesIsTwoFiles(t *testing.T) {
	dir, first := recordedFolder(t, 60)
	out := t.TempDir()
	c := exportCommand{From: moment(first.Format(time.RFC3339)), Output: filepath.Join(out, "clip.mp4"), Dir: dir}
	if _, log, err := runExport(t, t.Context(), c); err != nil || !strings.Contains(log, "change their size") {
		t.Fatalf("%v\n%s", err, log)
	}
	one, _, _ := probed(t, filepath.Join(out, "clip.mp4"))
	two, _, _ := probed(t, filepath.Join(out, "clip-2.mp4"))
	if one != 50 || two != 10 {
		t.Errorf("%d and %d frames", one, two)
	}
	// Neither is there where one of them cannot be.
	if err := os.Remove(c.Output); err != nil {
		t.Fatal(err)
	}
	if _, _, err := runExport(t, t.Context(), c); err == nil || !strings.Contains(err.Error(), "clip-2.mp4 exists") {
		t.Errorf("the second exists: %v", err)
	}
	if got := names(t, out); got != "clip-2.mp4" {
		t.Errorf("left behind: %s", got)
	}
	c.Output = "-"
	if stdout, _, err := runExport(t, t.Context(), c); err == nil || stdout != "" {
		t.Errorf("two files on standard output: %d bytes, %v", len(stdout), err)
	}
}

// The camera's clock was put back, and its pictures have another size from then on: the rest would begin
// with what has been exported already, again and again.
func TestExportWhereTheRestWouldNotEnd(t *testing.T) {
	times := []time.Time{time.Unix(1000, 0), time.Unix(900, 0), time.Unix(900, 0), time.Unix(900, 0)}
	j := exportJob{
		command: &exportCommand{ID: "front", Output: filepath.Join(t.TempDir(), "clip.mp4")},
		bar:     newProgressBar(io.Discard, "front", time.Time{}, time.Time{}), log: slog.New(slog.DiscardHandler),
		source: func(_ context.Context, _ bus.ExportOptions, w io.Writer) (bus.ExportResult, error) {
			if len(times) == 0 {
				return bus.ExportResult{}, nil
			}
			if err := oneFrame(w, times[0]); err != nil {
				return bus.ExportResult{}, err
			}
			rest := times[0]
			times = times[1:]
			return bus.ExportResult{Rest: rest}, nil
		},
	}
	if err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "clock was put back") || len(times) != 2 {
		t.Errorf("%v, with %d files to go", err, len(times))
	}
	if got := names(t, filepath.Dir(j.command.Output)); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestExportThatFailsLeavesNothing(t *testing.T) {
	dir, first := recordedFolder(t, 60)
	out := t.TempDir()
	c := exportCommand{From: moment(first.Format(time.RFC3339)), Output: filepath.Join(out, "clip.mp4"), Dir: dir}
	if runtime.GOOS == "linux" {
		full := c
		full.Output = "/dev/full"
		if _, _, err := runExport(t, t.Context(), full); err == nil || !strings.Contains(err.Error(), "/dev/full: no space left on device") {
			t.Errorf("a full disk: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := runExport(t, ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	half := exportJob{
		command: &c, bar: newProgressBar(io.Discard, "front", first, first), log: slog.New(slog.DiscardHandler),
		source: halfAFile(bus.ErrInterrupted),
	}
	if err := half.run(t.Context()); !errors.Is(err, bus.ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
	c.From = "-1s"
	if _, _, err := runExport(t, t.Context(), c); err == nil || !strings.Contains(err.Error(), "nothing is recorded") {
		t.Errorf("nothing there: %v", err)
	}
	if got := names(t, out); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

// One of two files cannot get its name at the end: neither is there then.
func TestExportOfTwoFilesIsAllOrNone(t *testing.T) {
	out := t.TempDir()
	var begins time.Time
	j := exportJob{
		command: &exportCommand{ID: "front", Output: filepath.Join(out, "clip.mp4")},
		bar:     newProgressBar(io.Discard, "front", time.Time{}, time.Time{}), log: slog.New(slog.DiscardHandler),
		source: func(_ context.Context, _ bus.ExportOptions, w io.Writer) (result bus.ExportResult, err error) {
			if begins.IsZero() {
				begins = time.Unix(1000, 0)
				result.Rest = begins
			} else if err := os.Mkdir(filepath.Join(out, "clip-2.mp4"), 0o700); err != nil {
				return result, err
			}
			return result, oneFrame(w, begins)
		},
	}
	if err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "clip-2.mp4") {
		t.Error(err)
	}
	if got := names(t, out); got != "clip-2.mp4" { // the folder
		t.Errorf("left behind: %s", got)
	}
}
