package publisher

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
)

// knobs is a device with a brightness, an exposure that cannot be set while auto is on, and a
// button.
type knobs struct {
	mu     sync.Mutex
	values map[string]int64
	pushed int
	sizes  []frame.Size
}

func (k *knobs) Controls() ([]frame.Control, error) {
	return []frame.Control{{Name: "auto", Type: "bool"}, {Name: "brightness", Type: "int"}, {Name: "exposure", Type: "int"}, {Name: "reset", Type: "button"}}, nil
}
func (k *knobs) Sizes() ([]frame.Size, error) { return k.sizes, nil }
func (k *knobs) TakesSize(width, height int) bool {
	return slices.ContainsFunc(k.sizes, func(s frame.Size) bool { return s.Width == width && s.Height == height })
}

func (k *knobs) SetControls(values map[string]int64) (func() error, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	after := maps.Clone(k.values)
	maps.Copy(after, values)
	if _, asked := values["exposure"]; asked && after["auto"] == 1 {
		return nil, fmt.Errorf("exposure is automatic: %w", errRefused)
	}
	if _, asked := values["reset"]; asked {
		k.pushed++
		delete(after, "reset")
	}
	before := k.values
	k.values = after
	return func() error { k.mu.Lock(); defer k.mu.Unlock(); k.values = before; return nil }, nil
}

func (k *knobs) get(name string) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.values[name]
}

// A control and a setting in one request both hold, and so they do after the camera was lost.
func TestControlsHoldWhenTheSourceOpensAgain(t *testing.T) {
	b := newBench(t, broker.Config{}, CameraConfig{})
	device := &knobs{values: map[string]int64{"brightness": 128}}
	b.camera.device = device
	b.run()
	stop := b.feed(jpegOf(t, 64, 48, 80), jpegOf(t, 64, 48, 70))
	defer stop()
	b.status("live", func(s frame.Status) bool { return s.State == frame.StateLive })
	set := func(change frame.Change) {
		t.Helper()
		if err := b.conn.Control(t.Context(), "front", frame.VerbSet, change, nil); err != nil {
			t.Fatal(err)
		}
	}
	fps := 20.0
	set(frame.Change{FPS: &fps, Controls: map[string]int64{"brightness": 200, "reset": 1}})
	if got := device.get("brightness"); got != 200 {
		t.Errorf("brightness %d after a set of brightness and rate", got)
	}
	set(frame.Change{Controls: map[string]int64{"auto": 0, "exposure": 7}})
	set(frame.Change{Controls: map[string]int64{"auto": 1}})

	// Plugged in again, the device has forgotten everything.
	device.mu.Lock()
	device.values = map[string]int64{"brightness": 128, "auto": 1}
	device.mu.Unlock()
	fps = 10
	set(frame.Change{FPS: &fps})
	eventually(t, func() bool { return device.get("brightness") == 200 })
	if device.pushed != 1 {
		t.Errorf("the button was pressed %d times", device.pushed)
	}
}

func TestTinyGraceIsNoPanic(t *testing.T) {
	r := newRig(t, CameraConfig{OnDemand: true, Grace: 2 * time.Nanosecond}, Deps{})
	r.frames("any", func(frame.Frame) bool { return true })
}

func TestRateAfterTheClockWasSetBack(t *testing.T) {
	var r rate
	now := time.Now()
	for i := range 100 {
		r.add(now.Add(time.Duration(i)*100*time.Millisecond), 1000)
	}
	back := now.Add(-time.Hour)
	for i := range 100 {
		r.add(back.Add(time.Duration(i)*100*time.Millisecond), 1000)
	}
	if fps, _ := r.over(back.Add(10 * time.Second)); fps < 9 || fps > 11 {
		t.Errorf("%.1f fps after the clock was set back an hour, truly 10", fps)
	}
}
