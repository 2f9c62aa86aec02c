package recorder

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// Strangers that claim to be many cameras do not keep a real one out, and are forgotten.
func TestHeard(t *testing.T) {
	h, at := make(heard), testNoon()
	for n := range 3 * mostHeard {
		at = at.Add(time.Millisecond)
		h.note(frame.CameraID(fmt.Sprintf("stranger-%d", n)), at)
	}
	h.note("front", at.Add(time.Millisecond))
	if all := h.now(at); !slices.Contains(all, "front") || len(all) != mostHeard {
		t.Errorf("%d cameras, front is not among them", len(all))
	}
	at = at.Add(forgotten)
	h.note("yard", at)
	if all := h.now(at.Add(time.Second)); !slices.Equal(all, []frame.CameraID{"yard"}) {
		t.Errorf("%d cameras are heard after a minute", len(all))
	}
}

// A camera that was only heard, and has nothing to record, is let go when it is silent; one that has a
// stream stays.
func TestHearsayIsLetGo(t *testing.T) {
	g := newFootage(t, 0)
	r := &recorder{
		cfg: Config{Dir: g.dir}.OrDefaults(), deps: Deps{Bus: g.asker, Version: "0.0.0"}, log: silent(), index: g.index, folder: &Folder{Folder: g.folder, path: g.dir},
		metrics: NewMetrics(), replays: newReplays(0, 0), cameras: make(map[frame.CameraID]*camera), left: make(map[frame.CameraID][]stuckPart), unindexed: make(map[frame.CameraID][]segment.Info),
		harm: make(map[frame.CameraID]*harm),
	}
	defer r.endCameras()
	both := []frame.CameraID{"stranger", "yard"}
	r.welcome(t.Context(), discovered{ids: both, heard: true})
	r.welcome(t.Context(), discovered{ids: both, heard: true})
	r.welcome(t.Context(), discovered{ids: []frame.CameraID{"yard"}}) // its stream is listed
	if r.camera("stranger") == nil || r.camera("yard") == nil {
		t.Fatal("a camera is not recorded")
	}
	g.until(func() bool {
		r.welcome(t.Context(), discovered{heard: true})
		return r.camera("stranger") == nil
	})
	if r.camera("yard") == nil {
		t.Error("a camera with a stream is let go")
	}
	if len(r.left)+len(r.unindexed)+len(r.harm) > 0 {
		t.Errorf("of a stranger is left: %v, %v, %v", r.left, r.unindexed, r.harm)
	}
}
