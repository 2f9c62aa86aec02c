//go:build hosts

package hosts

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// sight is one picture that a viewer has seen.
type sight struct {
	number           uint64
	shown, arrived   time.Time
	captured         time.Time // by the publisher's clock
	age, uncertainty time.Duration
	epoch            string // of the publisher's run
	seq              uint64 // that it gave the frame
}

// old is how old the picture was on arrival, in truth.
func (s sight) old() time.Duration { return s.arrived.Sub(s.shown) }

// viewing is a viewer's process and what it has seen so far.
type viewing struct {
	*process
	cameras []frame.CameraID
	sights  map[frame.CameraID][]sight
	bad     int // pictures that no camera has shown like that
	read    int
}

// seen reads what is new, and returns all that it has seen of a camera.
func (v *viewing) seen(id frame.CameraID) []sight {
	v.t.Helper()
	text, err := os.ReadFile(v.out)
	if err != nil {
		v.t.Fatal(err)
	}
	if v.sights == nil {
		v.sights = make(map[frame.CameraID][]sight)
	}
	end := strings.LastIndexByte(string(text), '\n') + 1
	for line := range strings.Lines(string(text[v.read:end])) {
		f := strings.Fields(line)
		if len(f) != 9 {
			v.bad++
			continue
		}
		var n [7]int64
		for i := range n {
			if n[i], err = strconv.ParseInt(f[i+1], 10, 64); err != nil {
				v.t.Fatalf("%s: %v in %q", v.name, err, line)
			}
		}
		camera := frame.CameraID(f[0])
		v.sights[camera] = append(v.sights[camera], sight{
			number: uint64(n[0]), shown: time.Unix(0, n[1]), captured: time.Unix(0, n[2]), arrived: time.Unix(0, n[3]),
			age: time.Duration(n[4]), uncertainty: time.Duration(n[5]), seq: uint64(n[6]), epoch: f[8],
		})
	}
	v.read = end
	return v.sights[id]
}

// current is the first picture that was shown after a moment, and that arrived less than a second old;
// ok is false while there is none.
func (v *viewing) current(id frame.CameraID, after time.Time) (sight, bool) {
	v.t.Helper()
	all := v.seen(id)
	for i := len(all) - 1; i >= 0 && all[i].arrived.After(after); i-- {
		if all[i].shown.After(after) && all[i].old() < time.Second {
			first := all[i]
			for ; i >= 0 && all[i].shown.After(after); i-- {
				if all[i].old() < time.Second {
					first = all[i]
				}
			}
			return first, true
		}
	}
	return sight{}, false
}

// awaitCurrent waits until the viewer has the present of all its cameras.
func (v *viewing) awaitCurrent(after time.Time) (last time.Time) {
	v.t.Helper()
	for _, id := range v.cameras {
		eventually(v.t, fmt.Sprintf("%s sees %s as it is", v.name, id), func() bool {
			s, ok := v.current(id, after)
			if ok && s.arrived.After(last) {
				last = s.arrived
			}
			return ok
		})
	}
	return last
}

// view is what a viewer saw of a camera in a stretch of time.
type view struct {
	outage time.Duration // longest time without a picture that is less than a second old
	lost   int           // pictures that were shown then and that it has not seen
	missed int           // of them, those that were published
	oldest time.Duration // that it saw, on arrival
	seen   int           // pictures that it has seen
}

// between looks at pictures shown in a stretch of time.
func (v *viewing) between(id frame.CameraID, from, to time.Time) (b view) {
	v.t.Helper()
	var first, latest, previous, before sight
	numbers := make(map[uint64]bool)
	last := from
	for _, s := range v.seen(id) {
		if s.shown.Before(from) {
			previous = s
		}
		if s.shown.Before(from) || s.shown.After(to) {
			continue
		}
		if len(numbers) == 0 || s.number < first.number {
			first = s
		}
		if s.number > latest.number {
			latest = s
		}
		numbers[s.number] = true
		if s.epoch == before.epoch && s.seq > before.seq+1 {
			b.missed += int(s.seq - before.seq - 1)
		}
		before = s
		b.seen++
		b.oldest = max(b.oldest, s.old())
		if s.old() < time.Second {
			b.outage = max(b.outage, s.arrived.Sub(last))
			last = s.arrived
		}
	}
	b.outage = max(b.outage, to.Sub(last))
	if len(numbers) > 0 {
		begin := first.number
		if previous.number > 0 && previous.number < begin {
			begin = previous.number + 1
		}
		b.lost = int(latest.number-begin) + 1 - len(numbers)
	}
	return b
}
