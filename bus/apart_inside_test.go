package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// HandOver is for tests that do not wait for backAfter.
func HandOver(c *Conn) {
	c.links.mu.Lock()
	all := c.links.all
	c.links.mu.Unlock()
	for _, k := range all[1:] {
		if k != nil {
			k.handOver()
		}
	}
}

// drawn is a link without a connection, whose legs are told of frames that came in a time that is only reckoned. Legs
// that leave it stay on it, marked.
func drawn() *link {
	s := &links{log: slog.New(slog.DiscardHandler), newest: new(newestAsker)}
	for n := range 2 {
		s.all[n] = &link{links: s, mu: &s.mu, number: n, newest: s.newest, log: s.log, cancel: func() {}, legs: make(map[*Live]*leg), changed: make(chan struct{})}
	}
	s.all[1].opening, s.all[1].fetching = true, true
	return s.all[0]
}

// way is where frames follow each other, none overtaking, as in one connection.
type way struct {
	rate func(time.Duration) float64 // bytes per second, at a time
	free time.Duration               // when it has carried what came so far
}

const granule = 5 * time.Millisecond

// carry returns when so many bytes have been carried that came at a time.
func (w *way) carry(at time.Duration, size float64) time.Duration {
	w.free = max(w.free, at)
	for size > 0 {
		rate := w.rate(w.free)
		if most := rate * granule.Seconds(); size > most {
			size -= most
			w.free += granule
			continue
		}
		w.free += time.Duration(size / rate * float64(time.Second))
		size = 0
	}
	return w.free
}

// sending is a camera of a simulation.
type sending struct {
	leg      *leg
	interval time.Duration
	begins   time.Duration
	size     float64
	uneven   float64 // sizes are between 1 and 1+uneven times size
	own      *way    // its own way to the broker; nil: fast
}

type arriving struct {
	of          *sending
	left, there time.Duration // captured, and at the broker
	size        float64
}

// pictures are the frames that cameras send for a while, in the order in which they come to the broker.
func pictures(r *rand.Rand, cameras []*sending, long time.Duration) (all []arriving) {
	for _, c := range cameras {
		for at := c.begins + time.Duration(r.Int64N(int64(c.interval))); at < long; at += c.interval {
			all = append(all, arriving{of: c, left: at, size: c.size * (1 + c.uneven*r.Float64())})
		}
	}
	slices.SortFunc(all, func(a, b arriving) int { return int(a.left - b.left) })
	for i := range all {
		f := &all[i]
		f.there = f.left + time.Duration(r.Int64N(int64(20*time.Millisecond)))
		if f.of.own != nil {
			f.there = f.of.own.carry(f.there, f.size)
		}
	}
	slices.SortStableFunc(all, func(a, b arriving) int { return int(a.there - b.there) })
	return all
}

// play has the frames come over a link until it has fallen behind, or that leg leaves it, and says when.
func (k *link) play(all []arriving, shared *way, wanted *leg) (behind bool, at time.Duration) {
	began := time.Now()
	for _, f := range all {
		at = shared.carry(f.there, f.size)
		behind = k.arrived(f.of.leg, true, began.Add(at), at-f.left)
		if behind || f.of.leg.leaving && f.of.leg == wanted {
			return behind, at
		}
	}
	return behind, at
}

func (k *link) sends(c *sending) *sending {
	c.leg = k.add(&Live{id: frame.CameraID(fmt.Sprint("c", len(k.legs)))})
	return c
}

// A link that is too slow for its cameras, whatever they send and however it became slow, has fallen behind as a
// whole: none of them leaves it.
func TestNothingLeavesASlowLink(t *testing.T) {
	slow := 0
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 1))
		k := drawn()
		var cameras []*sending
		load, turns := 0.0, time.Duration(r.Int64N(int64(30*time.Second)))
		for range 2 + r.IntN(6) {
			c := k.sends(&sending{
				interval: time.Duration(float64(time.Second) / (0.5 + 29.5*r.Float64()*r.Float64())), size: 2_000 + 150_000*r.Float64()*r.Float64(), uneven: r.Float64(),
			})
			switch r.IntN(4) {
			case 0:
				c.begins = time.Duration(r.Int64N(int64(40 * time.Second)))
			case 1: // as one that is too many
				c.begins = turns + time.Duration(r.Int64N(int64(4*time.Second)))
			}
			load += c.size * (1 + c.uneven/2) / c.interval.Seconds()
			cameras = append(cameras, c)
		}
		before, after := load*(1+2*r.Float64()), load*(0.2+1.2*r.Float64())
		stalls, stall := turns/2, time.Duration(r.Int64N(int64(3*time.Second)))
		shared := &way{rate: func(at time.Duration) float64 {
			switch {
			case at > stalls && at < stalls+stall:
				return 100
			case at > turns:
				return after
			}
			return before
		}}
		behind, at := k.play(pictures(r, cameras, time.Minute), shared, nil)
		if behind {
			slow++
		}
		for _, c := range cameras {
			if c.leg.leaving {
				t.Errorf("seed %d: %v of %d cameras, every %v, %.0f bytes, leaves; fallen behind %v after %v", seed, c.leg.live.id, len(cameras), c.interval, c.size, behind, at)
			}
		}
	}
	if slow < 400 {
		t.Errorf("only %d links have fallen behind", slow)
	}
}

// Cameras whose own way to the broker is too slow leave the link, and those of others do not.
func TestOnlyWhatPilesUpLeaves(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		k := drawn()
		thins := time.Duration(r.Int64N(int64(20 * time.Second)))
		site := k.sends(&sending{interval: time.Second / time.Duration(2+r.IntN(28)), size: 40_000, uneven: 0.3})
		load := site.size / site.interval.Seconds()
		share := 0.3 + 0.5*r.Float64()
		site.own = &way{rate: func(at time.Duration) float64 {
			if at < thins {
				return 10 * load
			}
			return share * load
		}}
		cameras := []*sending{site}
		for range 1 + r.IntN(3) {
			cameras = append(cameras, k.sends(&sending{interval: time.Second / time.Duration(2+r.IntN(28)), size: 40_000}))
		}
		behind, at := k.play(pictures(r, cameras, time.Minute), &way{rate: func(time.Duration) float64 { return 1e8 }}, site.leg)
		for _, c := range cameras {
			if behind || c.leg.leaving != (c == site) {
				t.Errorf("seed %d: camera %v leaves: %v; fallen behind %v", seed, c.leg.live.id, c.leg.leaving, behind)
			}
		}
		if most := thins + 8*time.Second; at > most {
			t.Errorf("seed %d: with %.0f %% of what it needs, every %v, after %v", seed, 100*share, site.interval, at-thins)
		}
	}
}

// A clock that is set makes a camera late, and not later and later.
func TestASetClockIsNoReasonToLeave(t *testing.T) {
	k := drawn()
	set, beside := k.sends(&sending{interval: time.Second / 10}), k.sends(&sending{interval: time.Second / 10})
	began := time.Now()
	for i := range 300 {
		now, age := began.Add(time.Duration(i)*time.Second/10), time.Duration(i%7)*10*time.Millisecond
		if k.arrived(beside.leg, true, now, age) {
			t.Fatal("the link has fallen behind")
		}
		if i > 50 {
			age += 5 * time.Second
		}
		if k.arrived(set.leg, true, now, age) || set.leg.leaving {
			t.Fatalf("at frame %d: leaves %v", i, set.leg.leaving)
		}
	}
}

// Where the server does not let one more connection in, the cameras stay where they are, and it is not
// asked again at once.
func TestNoFurtherConnection(t *testing.T) {
	k := drawn()
	leg := k.sends(&sending{interval: time.Second}).leg
	leg.leaving = true
	apart := k.links.all[1]
	if apart.open(t.Context(), nil, errors.New("too many connections")) {
		t.Error("a link without a connection is open")
	}
	if k.legs[leg.live] != leg || leg.leaving || len(apart.legs) > 0 {
		t.Errorf("the camera has left")
	}
	k.links.ended(apart.alone())
	k.links.leave(leg, time.Now())
	if k.links.all[1] != nil || leg.leaving {
		t.Error("a link is opened again at once")
	}
}

// alone is for a link of which nobody need be told.
func (k *link) alone() *link {
	k.links.forget = func(string) {}
	return k
}

// No more links than there may be are opened, however many cameras want one.
func TestLinksAreBounded(t *testing.T) {
	k := drawn()
	k.links.all[1] = nil
	for n := range mostLinks - 1 {
		k.links.all[n+1] = &link{links: k.links, mu: &k.links.mu, number: n + 1, cancel: func() {}}
	}
	leg := k.sends(&sending{interval: time.Second}).leg
	k.links.leave(leg, time.Now())
	if k.legs[leg.live] != leg || leg.leaving {
		t.Error("a camera leaves for nowhere")
	}
}

// A link whose last camera has gone ends, but for the first.
func TestAnEmptyLinkEnds(t *testing.T) {
	k := drawn()
	apart := k.links.all[1]
	apart.opening = false
	ctx, cancel := context.WithCancel(t.Context())
	apart.cancel = cancel
	first, second := k.sends(&sending{interval: time.Second}).leg, k.sends(&sending{interval: time.Second}).leg
	for _, leg := range []*leg{first, second} {
		leg.live.leg = leg
		k.links.leave(leg, time.Now())
	}
	if len(k.legs) != 0 || len(apart.legs) != 2 {
		t.Fatalf("%d, %d", len(k.legs), len(apart.legs))
	}
	// One is on its way back when it is closed.
	k.links.all[0].fetching = false
	apart.handOver()
	if len(k.legs) != 2 || len(apart.legs) != 2 {
		t.Fatalf("on their way back: %d, %d", len(k.legs), len(apart.legs))
	}
	k.links.remove(first.live)
	if len(k.legs) != 1 || len(apart.legs) != 1 || ctx.Err() != nil {
		t.Errorf("closed: %d, %d, %v", len(k.legs), len(apart.legs), ctx.Err())
	}
	k.arrived(second.live.leg, false, time.Now(), 0)
	if len(k.legs) != 1 || len(apart.legs) != 0 || ctx.Err() == nil {
		t.Errorf("back: %d, %d, %v", len(k.legs), len(apart.legs), ctx.Err())
	}
}
