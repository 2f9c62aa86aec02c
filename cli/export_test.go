package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/recorder/segment"
)

// recordedFolder is a recorder's folder with so many frames, a tenth of a second apart, the last ten of
// which are larger.
func recordedFolder(t *testing.T, frames int) (dir string, first time.Time) {
	t.Helper()
	dir, first = t.TempDir(), time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	var w *segment.Writer
	for n := range frames {
		size := image.Rect(0, 0, 64, 48)
		if n >= frames-10 {
			size = image.Rect(0, 0, 129, 97) // odd: H.264 wants even
		}
		var picture bytes.Buffer
		if err := jpeg.Encode(&picture, image.NewGray(size), nil); err != nil {
			t.Fatal(err)
		}
		f := frame.Frame{
			Camera: "front", Epoch: "e", Seq: uint64(n + 1), Captured: first.Add(time.Duration(n) * 100 * time.Millisecond),
			Codec: frame.JPEG, Width: size.Dx(), Height: size.Dy(), Key: true, Data: picture.Bytes(),
		}
		if n == 0 || n == frames-10 {
			if w != nil {
				if _, err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if w, err = folder.Create(&f, segment.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Append(&f, uint64(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, first
}

func runExport(t *testing.T, ctx context.Context, c exportCommand) (stdout, log string, err error) {
	t.Helper()
	var out, text bytes.Buffer
	if c.ID == "" {
		c.ID = "front"
	}
	if c.Format == "" {
		c.Format = "mp4"
	}
	s := &session{Program: Program{Stdout: &out, Stderr: &text}, log: slog.New(slog.NewTextHandler(&text, nil))}
	err = c.Run(ctx, s)
	return out.String(), text.String(), err
}

// probed is how many frames ffprobe finds, and how long they are.
func probed(t *testing.T, path string) (frames int, codec string, last float64) {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("SKIPPED: ffprobe is not installed (apt-get install ffmpeg), so that nobody but us has read an export")
	}
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=codec_name:frame=pts_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.FieldsSeq(string(out)) {
		line = strings.TrimSuffix(line, ",")
		if at, err := strconv.ParseFloat(line, 64); err == nil {
			frames, last = frames+1, at
		} else {
			codec = line
		}
	}
	return frames, codec, last
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

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

// outermost are the kinds of a file's outermost boxes.
func outermost(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for len(data) >= 16 {
		size := uint64(binary.BigEndian.Uint32(data))
		if size == 1 {
			size = binary.BigEndian.Uint64(data[8:])
		}
		kinds = append(kinds, string(data[4:8]))
		data = data[min(max(size, 8), uint64(len(data))):]
	}
	return strings.Join(kinds, " ")
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
			one := frame.Frame{Camera: "front", Captured: times[0], Codec: frame.JPEG, Width: 32, Height: 24, Data: []byte("a picture")}
			if err := segment.WriteMP4(w, func(yield func(segment.Record, error) bool) { yield(segment.Record{Frame: one}, nil) }); err != nil {
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
				source: func(_ context.Context, _ bus.ExportOptions, w io.Writer) (bus.ExportResult, error) {
					_, err := w.Write([]byte("half a file"))
					return bus.ExportResult{}, errors.Join(err, wrong)
				},
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
		source: func(_ context.Context, _ bus.ExportOptions, w io.Writer) (bus.ExportResult, error) {
			_, err := w.Write([]byte("half a file"))
			return bus.ExportResult{}, errors.Join(err, bus.ErrInterrupted)
		},
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
			one := frame.Frame{Camera: "front", Captured: begins, Codec: frame.JPEG, Width: 32, Height: 24, Data: []byte("a picture")}
			return result, segment.WriteMP4(w, func(yield func(segment.Record, error) bool) { yield(segment.Record{Frame: one}, nil) })
		},
	}
	if err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "clip-2.mp4") {
		t.Error(err)
	}
	if got := names(t, out); got != "clip-2.mp4" { // the folder
		t.Errorf("left behind: %s", got)
	}
}

// A folder that is not the recorder's, which one finds in it or above it.
func TestExportFromAnotherFolder(t *testing.T) {
	dir, first := recordedFolder(t, 20)
	c := exportCommand{From: moment(first.Format(time.RFC3339)), Output: filepath.Join(t.TempDir(), "clip.mp4")}
	empty := t.TempDir()
	for _, tried := range []struct {
		dir, says, never string
		id               frame.CameraID
	}{
		{filepath.Join(dir, "front"), "try --dir " + dir, "", "front"},
		{filepath.Join(dir, "front", "2026", "11", "22"), "try --dir " + dir, "", "front"},
		{dir, "has recordings of front", "try", "yard"},
		{empty, empty + " has no camera's folder in it", "try", "front"},
	} {
		c.Dir, c.ID = tried.dir, tried.id
		_, _, err := runExport(t, t.Context(), c)
		if !errors.Is(err, recorder.ErrNothing) || !strings.Contains(err.Error(), tried.says) || tried.never != "" && strings.Contains(err.Error(), tried.never) {
			t.Errorf("%s of %s: %v, want %q", tried.id, tried.dir, err, tried.says)
		}
	}
	c.Dir, c.ID, c.From, c.To = dir, "front", "2001-01-01T00:00:00Z", "+1s" // the right one, at another time
	if _, _, err := runExport(t, t.Context(), c); !errors.Is(err, recorder.ErrNothing) || strings.Contains(err.Error(), "folder") {
		t.Error(err)
	}
	var many []frame.CameraID
	for n := range 13 {
		many = append(many, frame.CameraID("c"+strconv.Itoa(n)))
	}
	if got := someOf(many); !strings.HasSuffix(got, ", c9 and 3 more") {
		t.Error(got)
	}
}

// Whatever fails at a file says which.
func TestErrorsOfAnExportedFile(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), ".clip.mp4.x.part"))
	if err != nil {
		t.Fatal(err)
	}
	f := named{file, "clip.mp4"}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, written := f.Write([]byte("x"))
	_, sought := f.Seek(0, io.SeekStart)
	for _, err := range []error{written, sought, f.Sync(), f.Close()} {
		if !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "clip.mp4: ") || strings.Contains(err.Error(), ".part") {
			t.Error(err)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		from, to string
		begin    string
		length   time.Duration
	}{
		{"2026-11-22T10:00:00Z", "+90s", "2026-11-22T10:00:00Z", 90 * time.Second},
		{"2026-11-22T10:00:00.5+01:00", "2026-11-22T10:00:00Z", "2026-11-22T09:00:00.5Z", time.Hour - 500*time.Millisecond},
		{"-10m", "-1m", "2026-11-22T11:50:00Z", 9 * time.Minute},
		{"-1h30m", "now", "2026-11-22T10:30:00Z", 90 * time.Minute},
	} {
		begin, end, err := period(moment(c.from), moment(c.to), now)
		if err != nil || begin.UTC().Format(time.RFC3339Nano) != c.begin || end.Sub(begin) != c.length {
			t.Errorf("%s to %s: %s, %v, %v", c.from, c.to, begin, end.Sub(begin), err)
		}
	}
	if begin, end, err := period("-10m", "", now); err != nil || begin.IsZero() || !end.IsZero() {
		t.Errorf("no end: %s %s %v", begin, end, err)
	}
	for _, c := range [][2]string{{"+5m", ""}, {"yesterday", ""}, {"-x", ""}, {"--5m", ""}, {"-1m", "-2m"}, {"now", "now"}, {"-5m", "+-1m"}, {"10:00", ""}} {
		_, _, err := period(moment(c[0]), moment(c[1]), now)
		if wrong := new(usageError); !errors.As(err, &wrong) {
			t.Errorf("%s to %s: %v", c[0], c[1], err)
		}
	}
}

func TestProgressBar(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 30, 0, time.Local)
	b := progressBar{camera: "front", from: at.Add(-30 * time.Second), to: at.Add(30 * time.Second)}
	for want, p := range map[string]bus.ExportProgress{
		"front [##########          ]  50 %  1.0 MB  10:00:30": {Bytes: 1e6, Total: 2e6, Captured: at},
		"front [####################] 100 %  9.0 MB":           {Bytes: 9e6, Total: 2e6},
		"front [                    ]   0 %  9.0 MB":           {Bytes: 9e6},
		"front [##########          ]  50 %  9.0 MB  10:00:30": {Bytes: 9e6, Captured: at},
	} {
		width := len(want)
		if got := b.line(p, width); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := b.line(bus.ExportProgress{Bytes: 1}, 10); strings.Contains(got, "[") {
		t.Errorf("no room: %q", got)
	}
	files := filesBar{what: "verify"}
	for want, p := range map[string]recorder.Progress{
		"verify [#####               ]  25 %  300 of 1200 files":  {Done: 300, Total: 1200},
		"verify [####################] 100 %  1200 of 1200 files": {Done: 1200, Total: 1200},
		"verify [                    ]   0 %  0 of 0 files":       {},
	} {
		if got := files.line(p, len(want)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	quiet := newProgressBar(&bytes.Buffer{}, "front", at, at)
	quiet.show(bus.ExportProgress{Bytes: 1})
	quiet.clear()
}
