package cli

import (
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

func TestExportForOtherPlayers(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Setenv("PATH", t.TempDir())
	}
	dir, first := recordedFolder(t, 60)
	out := t.TempDir()
	c := exportCommand{From: moment(first.Format(time.RFC3339)), Output: filepath.Join(out, "clip.mp4"), Format: "h264", Dir: dir}
	_, _, err := runExport(t, t.Context(), c)
	if _, missing := exec.LookPath("ffmpeg"); missing != nil {
		if err == nil || !strings.Contains(err.Error(), "not installed") {
			t.Errorf("without ffmpeg: %v", err)
		}
		t.Skip("SKIPPED: ffmpeg is not installed (apt-get install ffmpeg)")
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"clip.mp4": 50, "clip-2.mp4": 10} {
		frames, codec, last := probed(t, filepath.Join(out, name))
		if seconds := float64(want-1) / 10; frames != want || codec != "h264" || last < seconds-0.001 || last > seconds+0.001 {
			t.Errorf("%s: %d frames of %s, the last at %g s", name, frames, codec, last)
		}
	}
	if got := names(t, out); got != "clip-2.mp4 clip.mp4" {
		t.Errorf("left behind: %s", got)
	}
	// What cannot be written.
	c.Output = filepath.Join(out, "nowhere", "clip.mp4")
	if _, _, err := runExport(t, t.Context(), c); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no folder: %v", err)
	}
	if runtime.GOOS == "linux" {
		c.Output = "/dev/full"
		if _, _, err := runExport(t, t.Context(), c); err == nil || !strings.Contains(err.Error(), "ffmpeg") {
			t.Errorf("a full disk: %v", err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := runExport(t, t.Context(), c); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("without ffmpeg: %v", err)
	}
}

// What is wrong with the question is told, and not that ffmpeg was given nothing to encode.
func TestExportForOtherPlayersSaysWhatIsWrong(t *testing.T) {
	encoder, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: ffmpeg is not installed (apt-get install ffmpeg), so that nobody has tried what --format h264 says where there is nothing to encode")
	}
	dir, first := recordedFolder(t, 60)
	out := t.TempDir()
	fails := func(what string, err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "ffmpeg") {
			t.Errorf("%s: %v, want %q", what, err, says)
		}
	}
	for _, output := range []string{filepath.Join(out, "clip.mp4"), "-"} {
		c := exportCommand{From: "2001-01-01T00:00:00Z", To: "+1s", Output: output, Format: "h264", Dir: dir}
		_, _, err := runExport(t, t.Context(), c)
		fails("an empty range", err, "nothing is recorded")
		c.ID, c.From = "yard", moment(first.Format(time.RFC3339))
		_, _, err = runExport(t, t.Context(), c)
		fails("an unknown camera", err, "camera yard")
		for _, wrong := range []error{bus.ErrNoRecorder, bus.ErrInterrupted} {
			j := exportJob{
				command: &c, encoder: encoder, bar: newProgressBar(io.Discard, "front", first, first), log: slog.New(slog.DiscardHandler), stdout: io.Discard,
				source: halfAFile(wrong),
			}
			if err := j.run(t.Context()); !errors.Is(err, wrong) || strings.Contains(err.Error(), "ffmpeg") {
				t.Errorf("%v: %v", wrong, err)
			}
		}
	}
	if got := names(t, out); got != "" {
		t.Errorf("left behind: %s", got)
	}
}
