//go:build opencv

package publisher

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// A file that is set to another rate and quality goes on where it is, in this process and in one of
// its own: it does not begin anew, and it ends when it is over.
func TestFileKeepsItsPlaceWhenItIsSet(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: needs the program ffmpeg to make a video (package ffmpeg)")
	}
	path := filepath.Join(t.TempDir(), "brighter.mp4") // its left half grows brighter with every picture
	if out, err := exec.Command(ffmpeg, "-v", "error", "-nostdin", "-f", "lavfi", "-i", "nullsrc=size=320x240:rate=10:duration=8,geq=lum='if(lt(X,160),16+2*N,random(1)*255)':cb=128:cr=128", "-g", "1", "-crf", "18", path).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, isolate := range map[string]bool{"in this process": false, "in a process of its own": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, CameraConfig{OnDemand: true, Source: "file:" + path, Quality: 90, Isolate: &isolate}, Deps{Worker: []string{self, "capture-worker"}})
			next := r.every()
			defer r.conn.Watch("front", false)()
			last := next()
			first, at := last, brightness(t, last)
			set := func(change frame.Change) {
				t.Helper()
				var d frame.Detail
				if err := r.control(frame.VerbSet, change, &d); err != nil {
					t.Fatal(err)
				}
			}
			take := func() frame.Frame {
				t.Helper()
				f := next()
				now := brightness(t, f)
				if f.Epoch != last.Epoch || f.Seq != last.Seq+1 || now < at-1 {
					t.Fatalf("frame %d of brightness %d follows frame %d of %d: it has begun anew", f.Seq, now, last.Seq, at)
				}
				last, at = f, now
				return f
			}
			set(frame.Change{Quality: ptr(10)})
			for len(take().Data) > len(first.Data)/2 {
			}
			t.Logf("%d bytes at quality 90, %d at 10", len(first.Data), len(last.Data))
			set(frame.Change{FPS: ptr(3.0), Quality: ptr(90)})
			for len(take().Data) < len(first.Data)*3/4 {
			}
			eventually(t, func() bool { return r.get().Status.Dropped[source.DropRate] > 0 })
		})
	}
}

// brightness is that of a picture's left half.
func brightness(t *testing.T, f frame.Frame) int {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(f.Data))
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0, 0
	for y := range 240 {
		for x := range 140 {
			sum += int(img.(*image.YCbCr).Y[img.(*image.YCbCr).YOffset(x, y)])
			n++
		}
	}
	return (sum + n/2) / n
}
