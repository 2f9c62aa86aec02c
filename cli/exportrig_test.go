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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
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

// oneFrame writes an export with one frame of the camera front in it.
func oneFrame(w io.Writer, captured time.Time) error {
	one := frame.Frame{Camera: "front", Captured: captured, Codec: frame.JPEG, Width: 32, Height: 24, Data: []byte("a picture")}
	return segment.WriteMP4(w, func(yield func(segment.Record, error) bool) { yield(segment.Record{Frame: one}, nil) })
}

// halfAFile is where an export comes from that breaks off with that error.
func halfAFile(wrong error) func(context.Context, bus.ExportOptions, io.Writer) (bus.ExportResult, error) {
	return func(_ context.Context, _ bus.ExportOptions, w io.Writer) (bus.ExportResult, error) {
		_, err := w.Write([]byte("half a file"))
		return bus.ExportResult{}, errors.Join(err, wrong)
	}
}
