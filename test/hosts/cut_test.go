//go:build hosts

package hosts

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// TestCutLinks: the links of a camera's host, of a viewer's, of a browser's and of the recorder's are cut at
// the same moment, one way and both ways, and each of these hosts vanishes and comes back as another
// machine would, with new processes and without a word to those who were connected to it.
func TestCutLinks(t *testing.T) {
	t.Parallel()
	w := fullWorld(t)
	w.watch("browser", w.hosts["page"], "browser", "hall", "yard", "proof")
	cut := []string{"one", "eye", "page", "store"}
	hits := func() []hit {
		without := func(all []sees, camera frame.CameraID) (rest []sees) {
			for _, s := range all {
				if s.camera != camera {
					rest = append(rest, s)
				}
			}
			return rest
		}
		var desk []sees
		for _, s := range w.of("hall") {
			if s.viewer == "desk" {
				desk = append(desk, s)
			}
		}
		return []hit{
			{how: "who watches a camera whose host is cut off", sees: desk, peers: []*process{w.publishers["hall"]}},
			{how: "viewer whose host is cut off", sees: without(w.by("eye"), "hall"), peers: []*process{w.viewers["eye"].process}},
			{how: "browser whose host is cut off", sees: without(w.by("browser"), "hall")},
			{how: "both ends cut off", sees: append(without(without(w.by("eye"), "yard"), "proof"), without(without(w.by("browser"), "yard"), "proof")...)},
		}
	}
	for _, f := range []struct {
		ways   direction
		length time.Duration
	}{{out, seconds(40, 25)}, {in, seconds(40, 25)}, {both, seconds(40, 25)}, {both, 5 * time.Second}} {
		name := "link cut " + f.ways.String()
		w.suffer(fault{
			name: name, length: f.length,
			begin: func() {
				for _, name := range cut {
					w.hosts[name].cut(f.ways)
				}
			},
			end: func() {
				for _, name := range cut {
					w.hosts[name].mend()
				}
			},
			hit: hits(), unrecorded: []frame.CameraID{"hall"},
		})
	}
	there := []*process{w.cameras["hall"], w.publishers["hall"], w.viewers["eye"].process, w.viewers["browser"].process, w.recorder}
	var noticed time.Duration
	w.suffer(fault{
		name: "host gone, back with new processes", length: 5 * time.Second,
		begin: func() {
			before := w.connections()
			for _, name := range cut {
				w.hosts[name].cut(both)
			}
			for _, p := range there {
				p.kill()
			}
			for _, name := range cut {
				w.hosts[name].vanish()
			}
			// Two of the publisher, two of the viewer, and of the recorder one for each camera and two.
			gone := time.Now()
			eventually(t, "the broker notices that clients are gone", func() bool { return w.connections() <= before-4-2-len(w.recorded) })
			noticed = time.Since(gone)
		},
		end: func() {
			for _, name := range cut {
				w.hosts[name].appear()
			}
			for _, p := range there {
				p.start()
			}
		},
		hit: hits(), unrecorded: []frame.CameraID{"hall"},
	})
	w.done()
	report(row{who: "the broker, that clients are gone with their host", noticed: noticed})
}

// connections is how many clients the broker takes for connected.
func (w *world) connections() (n int) {
	w.t.Helper()
	eventually(w.t, "the broker tells how many clients it has", func() bool {
		n = int(metric(w.fetch(w.hosts["hub"], 9464, "/metrics"), "lensbus_broker_connections"))
		return n >= 0
	})
	return n
}
