package nemesis

import (
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// TestAnOutageIsAGapOfSoManyPictures: the broker is away for less than the time from which silence is a gap. The
// pictures that could not leave have used up no number, and are told all the same.
func TestAnOutageIsAGapOfSoManyPictures(t *testing.T) {
	t.Parallel()
	s := newSystem(t, small())
	s.start()
	s.storedAtLeast(2)
	before := s.journal()
	s.broker.kill()
	eventually(t, "every camera has pictures that cannot leave", func() bool {
		offline := make(map[frame.CameraID]uint64)
		for n, p := range s.journal().frames {
			offline[n.camera] += p.missed - before.frames[n].missed
		}
		for _, id := range s.cameras.IDs {
			if offline[id] < 3 {
				return false
			}
		}
		return true
	})
	s.broker.start()
	s.storedAtLeast(5)
	s.finish()
	r := s.check()
	t.Log(r.summary())
	// Where the machine stood still for longer than that, few pictures are missing of a long time: that is silence.
	told := r.missing[frame.GapUnstored] + r.missing[frame.GapCamera]
	if want := uint64(3 * len(s.cameras.IDs)); r.unsent < want || told < want {
		t.Errorf("%d pictures could not leave; the gaps are %v, of %v", r.unsent, r.gaps, r.missing)
	}
}
