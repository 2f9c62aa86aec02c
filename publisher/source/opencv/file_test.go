//go:build opencv

package opencv

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/publisher/source"
)

func TestFileDeliversRealFootage(t *testing.T) {
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: footage(t)}, source.Env{})
	want := source.Info{Width: 560, Height: 320, FPS: 30, Format: "avc1"}
	if diff := cmp.Diff(want, src.Info()); diff != "" {
		t.Errorf("Info (-want +got):\n%s", diff)
	}
	var last source.Picture
	different := 0
	for range 10 {
		picture, info := next(t, src)
		if info.Width != 560 || info.Height != 320 {
			t.Fatalf("picture of %dx%d", info.Width, info.Height)
		}
		if _, err := jpeg.Decode(bytes.NewReader(picture.Data)); err != nil {
			t.Fatalf("decode: %v", err)
		}
		if !bytes.Equal(picture.Data, last.Data) {
			different++
		}
		last = picture
	}
	if different < 5 {
		t.Errorf("only %d of 10 pictures differ from the one before", different)
	}
}

func TestFileIsPacedAndEnds(t *testing.T) {
	// Uneven on purpose: 8 pictures 250 ms apart on average, with one pause of 500 ms.
	path := made(t, "slow.mp4", "-i", "testsrc2=size=160x120:rate=4:duration=2.25", "-vf", "select=not(eq(n\\,4))", "-fps_mode", "passthrough", "-g", "1")
	var dropped atomic.Uint64
	env := source.Env{Dropped: func(_ string, n uint64) { dropped.Add(n) }}
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: path}, env)
	var captured []time.Time
	for {
		picture, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		captured = append(captured, picture.Captured)
	}
	if len(captured)+int(dropped.Load()) != 8 {
		t.Fatalf("%d pictures and %d dropped, want 8 in all", len(captured), dropped.Load())
	}
	for i := 1; i < len(captured); i++ {
		if !captured[i].After(captured[i-1]) {
			t.Errorf("picture %d was captured %v after the one before", i, captured[i].Sub(captured[i-1]))
		}
	}
	// The file is 2 s long from first to last; a burst would be over in no time. How much longer it
	// takes is the machine's affair.
	if took := captured[len(captured)-1].Sub(captured[0]); took < 1900*time.Millisecond {
		t.Errorf("first to last took %v, the file's own time is 2 s", took)
	}
}

func TestFileLoops(t *testing.T) {
	path := made(t, "short.mp4", "-i", "testsrc2=size=160x120:rate=50:duration=0.1")
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: path, Loop: true}, source.Env{})
	start, _ := next(t, src)
	var last time.Time
	for range 19 { // the file has 5
		picture, _ := next(t, src)
		if !picture.Captured.After(last) {
			t.Fatalf("captured %v, the one before at %v", picture.Captured, last)
		}
		last = picture.Captured
	}
	if took := last.Sub(start.Captured); took < 350*time.Millisecond {
		t.Errorf("20 pictures of a file with 50 a second took %v", took)
	}
}

func TestFileQuality(t *testing.T) {
	size := func(quality int) int {
		src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: footage(t)}, source.Env{Quality: quality})
		picture, _ := next(t, src)
		return len(picture.Data)
	}
	if low, high := size(10), size(95); low*3 > high {
		t.Errorf("%d bytes at quality 10, %d at 95", low, high)
	}
}

func TestFileThatIsNoneIsAClearError(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none.mp4"), "no such file"},
		{"below a file", filepath.Join(write("plain", "x"), "a.mp4"), "not a directory"},
		{"folder", dir, "is a folder: use images:DIR"},
		{"empty", write("empty.mp4", ""), "is empty"},
		{"text", write("text.mp4", strings.Repeat("this is no video\n", 1000)), "not a video that OpenCV can read"},
		{"cut off", write("cut.mp4", "\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"), "not a video that OpenCV can read"},
		{"device", os.DevNull, "is not a file: use v4l2:DEVICE"},
		{"a camera's index", "0", "no such file"},
		{"an URL", "http://127.0.0.1:1/a.mp4", "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := OpenFile(t.Context(), source.Spec{Kind: source.KindFile, Address: test.path}, source.Env{OpenTimeout: 5 * time.Second})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.path) {
				t.Errorf("error %q, want the path and %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
		})
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	path := made(t, "still.mp4", "-i", "testsrc2=size=160x120:rate=1:duration=30", "-g", "1")
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: path}, source.Env{})
	next(t, src)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v, want context.Canceled", err)
	}
}

func TestCloseUnblocksNext(t *testing.T) {
	path := made(t, "still.mp4", "-i", "testsrc2=size=160x120:rate=1:duration=30", "-g", "1")
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: path}, source.Env{})
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := src.Next(context.Background()); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := src.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, source.ErrClosed) {
			t.Errorf("Next: %v, want ErrClosed", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Next still waits 5 s after Close")
	}
}

func TestSlowEncoderDropsRawPicturesAndSaysSo(t *testing.T) {
	path := made(t, "fast.mp4", "-i", "testsrc2=size=160x120:rate=100:duration=1")
	dropped := make(chan string, 1000)
	env := source.Env{Dropped: func(reason string, n uint64) {
		for range n {
			dropped <- reason
		}
	}}
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: path, Loop: true}, env)
	first, _ := next(t, src)
	for range 30 { // nobody calls Next: pictures go by
		if reason := <-dropped; reason != source.DropEncode {
			t.Fatalf("dropped for %q, want %q", reason, source.DropEncode)
		}
	}
	second, _ := next(t, src)
	if behind := second.Captured.Sub(first.Captured); behind < 250*time.Millisecond {
		t.Errorf("after 30 dropped pictures Next gave one captured only %v after the first", behind)
	}
}

// Another quality is for the next pictures of the open file; it does not begin anew.
func TestFileIsTunedWhileItIsOpen(t *testing.T) {
	path := made(t, "noise.mp4", "-i", "testsrc2=size=320x240:rate=10:duration=3", "-g", "1")
	src := opened(t, OpenFile, source.Spec{Kind: source.KindFile, Address: path}, source.Env{Quality: 95}).(source.Tunable)
	large, _ := next(t, src)
	src.SetQuality(10)
	src.SetRate(5) // whoever wants fewer pictures leaves some out
	small, _ := next(t, src)
	if len(small.Data) > len(large.Data)/2 {
		t.Errorf("%d bytes at quality 10, %d at 95", len(small.Data), len(large.Data))
	}
	n := 2
	for ; ; n++ {
		if _, err := src.Next(t.Context()); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n > 30 {
		t.Errorf("%d pictures of a file that has 30", n)
	}
}
