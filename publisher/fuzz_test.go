package publisher

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// What somebody on the bus asks of a camera never sets it to what no camera can be, and its refusal is a
// short line.
func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"quality":70,"fps":12.5,"width":640,"height":480,"save":true,"controls":{"gain":3}}`))
	f.Add([]byte(`{"fps":1e999,"width":-1,"height":16384}`))
	f.Add([]byte(`{"epoch":"abc"} {}`))
	f.Add([]byte(`{"lease":"viewer","preview":true,"width":320}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		refusal := new(bus.ControlError)
		for _, into := range []any{new(frame.SnapshotRequest), new(frame.WatchRequest), new(frame.ReleaseRequest)} {
			if err := decode(data, into); err != nil && !errors.As(err, &refusal) {
				t.Errorf("%T: %v", into, err)
			}
		}
		var change frame.Change
		if err := decode(data, &change); err != nil {
			return
		}
		before := frame.Settings{Width: 640, Height: 480, FPS: 15, Quality: 80}
		for _, kind := range []source.Kind{source.KindV4L2, source.KindTest, source.KindHTTP} {
			to, err := changed(before, change, kind)
			if err != nil {
				if to != before || strings.Contains(err.Error(), "\n") || len(err.Error()) > 200 {
					t.Errorf("refused: %+v, %v", to, err)
				}
				continue
			}
			if to.Quality < 1 || to.Quality > 100 || math.IsNaN(to.FPS) || to.FPS < 0 || to.FPS > 1000 ||
				to.Width < 16 || to.Height < 16 || to.Width*to.Height > frame.DefaultLimits().Pixels {
				t.Errorf("a %s camera is set to %+v", kind, to)
			}
		}
	})
}

// A file of saved settings that was damaged is an error, or settings; what is saved again is the same.
func FuzzSaved(f *testing.F) {
	f.Add([]byte(`{"settings":{"quality":70},"controls":{"gain":3}}`))
	f.Add([]byte(`{"controls":{"gain":9e99}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(savedPath(dir, "front"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, err := loadSaved(dir, "front")
		if err != nil {
			return
		}
		if err := s.save(dir, "front"); err != nil {
			t.Fatalf("what was read cannot be saved: %v", err)
		}
		if _, ok, err := loadSaved(dir, "front"); err != nil || !ok {
			t.Errorf("saved and not read again: %v, %v", ok, err)
		}
	})
}
