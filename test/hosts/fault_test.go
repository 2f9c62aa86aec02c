//go:build hosts

package hosts

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// sees is a viewer and a camera that it watches.
type sees struct {
	viewer string
	camera frame.CameraID
}

// fault is what goes wrong for a while, and who is hit by it.
type fault struct {
	name   string
	length time.Duration
	begin  func()
	end    func()
	// hit are who cannot see pictures meanwhile; all others that are watched must see all of them.
	hit []hit
	// unrecorded are cameras that cannot be recorded meanwhile.
	unrecorded []frame.CameraID
}

// hit is a group of viewers and cameras that one fault hits in the same way.
type hit struct {
	how   string // for people
	sees  []sees
	peers []*process // whose log says when the connection was lost
	back  time.Duration
}

// suffered is a fault that is over.
type suffered struct {
	fault
	from, ended, to time.Time
	memory          memory
}

// suffer lets a fault happen to a world that is well, and waits until it is well again.
func (w *world) suffer(f fault) {
	w.t.Helper()
	w.allWell(time.Now())
	w.peaks()
	s := suffered{fault: f, from: time.Now()}
	f.begin()
	pass(f.length)
	s.ended = time.Now()
	f.end()
	w.allWell(time.Now())
	w.allWell(time.Now().Add(2 * time.Second)) // and stays so
	s.to = time.Now().Add(-time.Second)
	s.memory = w.peaks()
	w.t.Logf("%s: %v, well again %v after its end; %s", f.name, s.ended.Sub(s.from).Round(time.Millisecond), s.to.Sub(s.ended).Round(time.Millisecond), s.memory)
	w.suffered = append(w.suffered, s)
}

// allWell waits until every viewer sees every camera as it is, after a moment, and the recorder keeps up.
func (w *world) allWell(after time.Time) {
	w.t.Helper()
	for _, v := range w.viewers {
		v.awaitCurrent(after)
	}
	w.recordsAll()
}

// What is expected of any fault: how soon viewers are back after it, and how much memory a process takes.
const (
	mostBack   = 10 * time.Second
	mostMemory = 400 << 20
)

// account reports the figures of all faults, and fails the test for those that are not as promised.
// It is called after finish.
func (w *world) account() {
	w.t.Helper()
	recordings := make(map[frame.CameraID]recorded)
	for _, id := range w.recorded {
		recordings[id] = w.read(id)
	}
	for _, s := range w.suffered {
		touched := make(map[sees]bool)
		var rows []row
		for _, h := range s.hit {
			for _, what := range h.sees {
				touched[what] = true
			}
			rows = append(rows, w.accountHit(s, h))
		}
		if len(rows) == 0 {
			rows = []row{{who: "nobody", nobody: true}}
		}
		rows[0].fault, rows[0].length, rows[0].memory = s.name, s.ended.Sub(s.from), s.memory
		rows[0].spared = w.accountSpared(s, touched)
		rows[0].recorded, rows[0].recordedOthers = w.accountRecording(s, recordings)
		report(rows...)
	}
	for name, v := range w.viewers {
		if v.bad > 0 {
			w.t.Errorf("%s: %d pictures were not what a camera has shown", name, v.bad)
		}
	}
}

func (w *world) accountHit(s suffered, h hit) row {
	w.t.Helper()
	r := row{who: h.how, noticed: w.noticed(h.peers, s.from, s.to)}
	for _, what := range h.sees {
		v := w.viewers[what.viewer]
		r.add(v.between(what.camera, s.from, s.to))
		if first, ok := v.current(what.camera, s.ended); ok {
			r.back = max(r.back, first.arrived.Sub(s.ended))
		}
	}
	most := h.back
	if most == 0 {
		most = mostBack
	}
	if r.back > most {
		w.t.Errorf("%s: %s is back only %v after its end, and not within %v", s.name, h.how, r.back, most)
	}
	return r
}

// What those may miss whom a fault is no affair of: frames, and one in so many of those that were published.
// A busy machine makes viewers pass over a picture now and then, as it makes publishers: what is newer comes
// instead. A viewer that a fault does reach misses all of the frames of a second and more.
const (
	sparedOutage = 3 * time.Second
	sparedFrames = 3
	sparedOneIn  = 20
)

// accountSpared looks at those whom the fault is no affair of. It is nil where there are none.
func (w *world) accountSpared(s suffered, touched map[sees]bool) *row {
	w.t.Helper()
	r, others := new(row), 0
	for name, v := range w.viewers {
		for _, id := range v.cameras {
			if touched[sees{name, id}] {
				continue
			}
			others++
			b := v.between(id, s.from, s.to)
			r.add(b)
			if b.outage > sparedOutage || b.missed > sparedFrames+b.seen/sparedOneIn {
				w.t.Errorf("%s: %s, which it is no affair of, sees %s for %v not as it is, and misses %d frames of %d", s.name, name, id, b.outage, b.missed, b.missed+b.seen)
			}
		}
	}
	if others == 0 {
		return nil
	}
	return r
}

// accountRecording returns what the recording lacks of a camera that the fault hits, and of another; nil
// where there is none.
func (w *world) accountRecording(s suffered, recordings map[frame.CameraID]recorded) (struck, spared *gap) {
	w.t.Helper()
	for _, id := range w.recorded {
		lost, published, hole := recordings[id].lost(s.from, s.to)
		of := &spared
		if slices.Contains(s.unrecorded, id) {
			of = &struck
		} else if published > 0 {
			w.t.Errorf("%s: %d frames of %s were published and are not recorded, which it is no affair of", s.name, published, id)
		}
		if *of == nil {
			*of = new(gap)
		}
		(*of).pictures, (*of).hole = max((*of).pictures, lost), max((*of).hole, hole)
	}
	return struck, spared
}

// noticed is how long the first of the processes took to say that it has lost its connection; 0 where
// none has.
func (w *world) noticed(peers []*process, from, to time.Time) time.Duration {
	first := time.Duration(0)
	for _, p := range peers {
		text, err := os.ReadFile(p.log)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, m := range lostLine.FindAllSubmatch(text, -1) {
			at, err := time.Parse(time.RFC3339Nano, string(bytes.TrimSpace(m[1])))
			if err != nil {
				w.t.Fatal(err)
			}
			if after := at.Sub(from); at.After(from) && at.Before(to) && (first == 0 || after < first) {
				first = after
			}
		}
	}
	return first
}

var lostLine = regexp.MustCompile(`(?m)^time=(\S+) level=WARN msg="connection lost"`)

// everybody is every viewer and every camera.
func (w *world) everybody() (all []sees) {
	for name, v := range w.viewers {
		for _, id := range v.cameras {
			all = append(all, sees{name, id})
		}
	}
	return all
}

// of are all who watch a camera.
func (w *world) of(cameras ...frame.CameraID) (all []sees) {
	for _, s := range w.everybody() {
		for _, id := range cameras {
			if s.camera == id {
				all = append(all, s)
			}
		}
	}
	return all
}

// by is all that some viewers watch.
func (w *world) by(viewers ...string) (all []sees) {
	for _, s := range w.everybody() {
		for _, name := range viewers {
			if s.viewer == name {
				all = append(all, s)
			}
		}
	}
	return all
}

// checkMemory wants no process to have had more than it may.
func (w *world) checkMemory() {
	w.t.Helper()
	for name, p := range w.processes() {
		if p.most > mostMemory {
			w.t.Errorf("%s has taken %d MB", name, p.most>>20)
		}
	}
}

func seconds(full, brief int) time.Duration {
	if short() {
		return time.Duration(brief) * time.Second
	}
	return time.Duration(full) * time.Second
}

func (s sees) String() string { return fmt.Sprintf("%s by %s", s.camera, s.viewer) }
