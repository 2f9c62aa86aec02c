//go:build hosts

package hosts

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// TestThreeHosts: cameras on two hosts, viewers on two, the broker and the page on one of them, a recorder
// on a fourth that comes late, goes and comes back; one host's clock is wrong.
func TestThreeHosts(t *testing.T) {
	t.Parallel()
	cameras := []frame.CameraID{"hall", "yard", "proof"}
	w := newWorld(t, cameras, "hub", "one", "two", "store")
	w.startHub()
	w.publish("hall", w.hosts["one"])
	w.publishProof("proof", w.hosts["one"])
	w.publishSkewed("yard", w.hosts["two"])
	began := time.Now()
	for _, v := range []*viewing{
		w.watch("one", w.hosts["one"], "viewer", cameras...), w.watch("two", w.hosts["two"], "viewer", cameras...),
		w.watch("browser one", w.hosts["one"], "browser", cameras...), w.watch("browser two", w.hosts["two"], "browser", cameras...),
	} {
		t.Logf("MEASURED: %s sees all cameras after %v", v.name, v.awaitCurrent(began).Sub(began).Round(time.Millisecond))
	}

	// The recorder comes late; nothing is lost of what was there before it.
	w.record(w.hosts["store"])
	w.recorder.start().says(0, `recording`)
	w.recordsAll()
	w.recorder.end()
	away := time.Now()
	eventually(t, "time goes on without the recorder", func() bool {
		_, ok := w.viewers["two"].current("hall", away.Add(3*time.Second))
		return ok
	})
	w.recorder.start()
	w.recordsAll()
	w.finish()

	for name, v := range w.viewers {
		for _, id := range []frame.CameraID{"hall", "yard"} { // proof has nobody who would tell the time
			w.checkAges(v, id)
		}
		if v.bad > 0 {
			t.Errorf("%s: %d pictures were not what a camera has shown", name, v.bad)
		}
	}
	for _, id := range cameras {
		r := w.read(id)
		lost, _, hole := r.lost(began, time.Now())
		t.Logf("MEASURED: %s: %d pictures recorded; %d that the camera showed were not published, the longest hole is %v", id, len(r.at), lost-r.unrecorded, hole)
		if r.unrecorded > 0 {
			t.Errorf("%s: %d frames were published and are not recorded, though nothing was wrong", id, r.unrecorded)
		}
	}
	proof := w.checkProof("proof")
	t.Logf("MEASURED: %d frames confirmed, %d recorded, %d missing", proof.Confirmed, proof.Recorded, proof.Missing)
}

// recordsAll waits until nothing waits for the recorder.
func (w *world) recordsAll() {
	w.t.Helper()
	eventually(w.t, "the recorder has caught up", func() bool {
		frames, known := w.lag()
		return known && frames < 3*2*cameraFPS // a part of a second is always on its way
	})
}

// checkAges holds the ages that a viewer takes pictures to have against the true ones.
func (w *world) checkAges(v *viewing, id frame.CameraID) {
	w.t.Helper()
	ahead := time.Duration(0)
	if id == "yard" {
		ahead = skew
	}
	known, wrong := 0, 0
	for _, s := range v.seen(id) {
		if s.uncertainty < 0 {
			continue
		}
		known++
		// Captured is of the publisher, which reads the camera; a page's times are whole milliseconds.
		if truly := s.arrived.Sub(s.captured.Add(-ahead)); (s.age - truly).Abs() > s.uncertainty+5*time.Millisecond {
			if wrong++; wrong < 4 {
				w.t.Errorf("%s takes picture %d of %s for %v ±%v old, it is %v", v.name, s.number, id, s.age, s.uncertainty, truly)
			}
		}
	}
	if known == 0 {
		w.t.Errorf("%s never knows how old the pictures of %s are", v.name, id)
	}
}
