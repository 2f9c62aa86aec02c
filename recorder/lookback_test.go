package recorder

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// A publisher's clock is a day ahead, and a recorder comes back after the stream has dropped many frames: their
// numbers are the camera's, by the broker's clock, and nothing is put aside.
func TestLookBackWherePublishersClockIsAhead(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	x := openTestIndex(t, folder)
	began := time.Now()
	s := newShots("front", began.Add(24*time.Hour))
	info := s.closed(t, folder.Folder, 1)
	if err := x.Add(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	c := newCamera(&recorder{log: silent(), folder: folder, index: x}, "front")
	last, err := c.lookBack(t.Context())
	if err != nil || last.Path != info.Path {
		t.Fatalf("%+v, %v", last, err)
	}
	var l leaps
	next := bus.Stored{At: time.Now().Add(time.Hour), Frame: frame.Frame{Epoch: info.Epoch, Seq: info.LastSeq + 15*3600}}
	if l.doubts(&c.known, next) {
		t.Error("what the camera has sent in an hour is not believed")
	}
	if next.Frame.Seq += 1 << 40; !l.doubts(&c.known, next) {
		t.Error("what it cannot have sent is believed")
	}
}
