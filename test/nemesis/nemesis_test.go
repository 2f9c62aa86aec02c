package nemesis

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// plan is how often whom something happens to within a time.
type plan struct {
	seed                                              uint64
	duration                                          time.Duration
	killRecorder, killBroker, killPublisher, killBoth int
	pauseRecorder, pauseBroker                        int
	shortestPause, longestPause                       time.Duration
}

// blow is one of the things that happen.
type blow struct {
	at    time.Duration // since the beginning
	what  string
	pause time.Duration // 0: killed
	aimed bool          // at the moment in which a part is written and not yet acknowledged
}

// The things that happen.
const (
	killRecorder  = "recorder killed"
	killBroker    = "broker killed"
	killBoth      = "recorder and broker killed"
	killPublisher = "publisher killed"
	pauseRecorder = "recorder stopped"
	pauseBroker   = "broker stopped"
)

// blows are all of them in order, the same ones for the same seed.
func (p plan) blows() []blow {
	random := rand.New(rand.NewPCG(p.seed, 0))
	var all []blow
	add := func(n int, what string, pauses bool) {
		for range n {
			b := blow{what: what, at: time.Duration(random.Int64N(int64(p.duration)))}
			b.aimed = what == killRecorder && random.IntN(2) == 0
			if pauses {
				b.pause = p.shortestPause + time.Duration(random.Int64N(int64(p.longestPause-p.shortestPause)+1))
			}
			all = append(all, b)
		}
	}
	add(p.killRecorder, killRecorder, false)
	add(p.killBroker, killBroker, false)
	add(p.killPublisher, killPublisher, false)
	add(p.killBoth, killBoth, false)
	add(p.pauseRecorder, pauseRecorder, true)
	add(p.pauseBroker, pauseBroker, true)
	slices.SortStableFunc(all, func(a, b blow) int { return cmp.Compare(a.at, b.at) })
	return all
}

// duplicates is the recorder's number of frames that came again and were left out.
const duplicates = "lensbus_recorder_duplicates_total"

// struck is a blow that was dealt.
type struck struct {
	what string
	at   time.Time // when whoever it was ran again
	from time.Time // when it was hit
}

// strike deals the blows to the system, which runs. One that is due while another lasts comes right
// after it.
func (p plan) strike(s *system) (dealt []struck) {
	s.t.Helper()
	began := time.Now()
	for _, b := range p.blows() {
		wait(time.Until(began.Add(b.at)))
		hit := struck{what: b.what, from: time.Now()}
		switch b.what {
		case killRecorder:
			s.duplicates += s.number(duplicates)
			if b.aimed {
				s.awaitPart(seconds(2))
			}
			s.recorder.restart()
		case killBoth:
			s.recorder.kill()
			s.broker.restart()
			s.recorder.start()
		case killBroker:
			s.broker.restart()
		case killPublisher:
			s.publisher.restart()
		case pauseRecorder:
			s.recorder.pause(b.pause)
		case pauseBroker:
			s.broker.pause(b.pause)
		}
		hit.at = time.Now()
		s.t.Logf("%s %s %v", hit.from.UTC().Format("15:04:05.000"), b.what, b.pause.Round(time.Millisecond))
		dealt = append(dealt, hit)
		if s.t.Failed() {
			s.t.FailNow()
		}
	}
	wait(time.Until(began.Add(p.duration)))
	return dealt
}

// awaitPart waits until a segment grows, but not longer than limit.
func (s *system) awaitPart(limit time.Duration) {
	s.t.Helper()
	size := func() (sum int64) {
		paths, err := filepath.Glob(filepath.Join(s.dir, "*", "*", "*", "*", "*.part"))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil {
				sum += info.Size()
			}
		}
		return sum
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(limit)
	defer late.Stop()
	for before := size(); size() <= before; before = min(before, size()) {
		select {
		case <-tick.C:
		case <-late.C:
			return
		}
	}
}

func wait(d time.Duration) { <-time.After(d) }

// restart kills the process and starts the next one at once. Whoever has ended before is at fault.
func (d *daemon) restart() {
	d.t.Helper()
	if !d.running() {
		d.t.Errorf("%v had ended by itself: %v", d.process.cmd.Args, d.process.cmd.ProcessState)
	}
	d.kill()
	d.start()
}

func (d *daemon) pause(length time.Duration) {
	d.t.Helper()
	if !d.running() {
		d.t.Errorf("%v had ended by itself: %v", d.process.cmd.Args, d.process.cmd.ProcessState)
		return
	}
	d.signal(syscall.SIGSTOP)
	wait(length)
	d.signal(syscall.SIGCONT)
}

// watch notes when the recorder has made frames safe, until the function that it returns is called.
func (s *system) watch() (stop func() []moment) {
	ctx, cancel := context.WithCancel(context.Background())
	var all []moment
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		floor := make(map[frame.CameraID]uint64)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, id := range s.cameras.IDs {
				asked := time.Now()
				if n, ok := s.safe(id); ok && n > floor[id] {
					floor[id] = n
					all = append(all, moment{asked, id})
				}
			}
		}
	})
	return func() []moment {
		cancel()
		running.Wait()
		return all
	}
}

// outages says how long after each blow of a kind it went on for the last of the cameras. Where other
// blows came meanwhile, theirs is in it.
func outages(dealt []struck, what string, ids []frame.CameraID, goesOn []moment) (all []time.Duration) {
	for _, hit := range dealt {
		if hit.what != what {
			continue
		}
		var longest time.Duration
		for _, id := range ids {
			again := func(m moment) bool { return m.camera == id && m.at.After(hit.at) }
			if i := slices.IndexFunc(goesOn, again); i >= 0 {
				longest = max(longest, goesOn[i].at.Sub(hit.from))
			}
		}
		if longest > seconds(5) {
			fmt.Printf("%s %s: it took %v\n", hit.from.UTC().Format("15:04:05.000"), what, longest)
		}
		all = append(all, longest)
	}
	return all
}

func TestBlowsAreTheSameForASeed(t *testing.T) {
	p := plan{
		seed: 7, duration: time.Minute, killRecorder: 20, killBroker: 5, killPublisher: 2, killBoth: 1,
		pauseRecorder: 3, pauseBroker: 2, shortestPause: time.Second, longestPause: 3 * time.Second,
	}
	once, again := p.blows(), p.blows()
	if !slices.Equal(once, again) || len(once) != 33 {
		t.Errorf("%d blows and %d", len(once), len(again))
	}
	p.seed++
	if slices.Equal(once, p.blows()) {
		t.Error("another seed, the same blows")
	}
	for _, b := range once {
		pauses := b.what == pauseRecorder || b.what == pauseBroker
		if b.at >= p.duration || pauses != (b.pause > 0) || b.pause > p.longestPause {
			t.Error(fmt.Sprint(b))
		}
	}
}
