package segment_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
	"github.com/lensbus/lensbus/seal"
)

// A segment of sealed frames is one like any other, with bytes that nobody here can read; and no player
// takes it for video.
func TestSealedSegment(t *testing.T) {
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(key, []seal.Public{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder, err := segment.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	marker := []byte("a picture that is sealed")
	var frames []frame.Frame
	start := time.Date(2026, 11, 22, 10, 0, 0, 5, time.UTC)
	var w *segment.Writer
	for n := range 20 {
		f := frame.Frame{
			Camera: "front", Epoch: "run", Seq: uint64(n + 1), Captured: start.Add(time.Duration(n) * 100 * time.Millisecond),
			Codec: frame.JPEG, Width: 640, Height: 480, Key: true, Data: append([]byte{0xFF, 0xD8, byte(n)}, marker...),
		}
		if f, err = sealer.Seal(f); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
		if w == nil {
			if w, err = folder.Create(&f, segment.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Append(&f, f.Seq); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Close()
	if err != nil || info.Codec != frame.SealedJPEG || info.Frames != 20 {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, damage, err := folder.Verify(info.Path); err != nil || len(damage) > 0 {
		t.Fatalf("%+v, %v", damage, err)
	}
	reader, err := folder.Open(info.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	n := 0
	for rec, err := range reader.Frames(time.Time{}, time.Time{}) {
		want := frames[n]
		if err != nil || rec.Codec != want.Codec || rec.Epoch != want.Epoch || rec.Seq != want.Seq || !rec.Captured.Equal(want.Captured) || !bytes.Equal(rec.Data, want.Data) {
			t.Fatalf("frame %d: %+v, %v", n, rec.Codec, err)
		}
		n++
	}
	path := filepath.Join(dir, info.Path)
	data, err := os.ReadFile(path)
	if err != nil || n != 20 || bytes.Contains(data, marker) {
		t.Fatalf("%d frames, %v; or the picture is in the file", n, err)
	}
	out, err := exec.CommandContext(t.Context(), program(t, "ffprobe"), "-v", "error", "-show_entries", "stream=codec_name,codec_tag_string,width", "-of", "csv=p=0", path).CombinedOutput()
	if err != nil || string(bytes.TrimSpace(out)) != "unknown,lbsj,640" {
		t.Errorf("ffprobe says %q, %v", out, err)
	}
}
