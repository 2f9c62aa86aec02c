package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/lensbus/lensbus/test/proc"
)

// use is what one role used in the window. Of several viewers it is their sum.
type use struct {
	CPU  float64 `json:"cpu"`        // of one core, 1 is all of it
	Peak int64   `json:"peak_bytes"` // of memory
}

// result is one measurement.
type result struct {
	Cameras int           `json:"cameras"`
	Watch   watching      `json:"watch"`
	Took    time.Duration `json:"took_ns"`

	Publisher use     `json:"publisher"`
	Broker    use     `json:"broker"`
	Recorder  use     `json:"recorder"`
	Page      use     `json:"page"`
	Viewers   use     `json:"viewers"`
	Others    float64 `json:"others"` // cores that the rest of the machine used, this program too

	Sent       float64 `json:"sent"`       // frames a second and camera
	Dropped    float64 `json:"dropped"`    // frames that were not sent, a part of all
	Unstored   float64 `json:"unstored"`   // sent and not confirmed, a part of those
	Recorded   float64 `json:"recorded"`   // frames a second and camera, on disk
	LagFrames  float64 `json:"lag_frames"` // at the end, of the camera that has most
	LagSeconds float64 `json:"lag_seconds"`

	Seen     float64 `json:"seen"` // pictures a second and viewer
	Missed   float64 `json:"missed"`
	Fetching int     `json:"fetching"` // viewers whose way is slower than the pictures
	AgeP50   int     `json:"age_p50_ms"`
	AgeP99   int     `json:"age_p99_ms"`
}

// sample is what has been used up to a moment.
type sample struct {
	at       time.Time
	machine  time.Duration
	cpu      map[string]time.Duration // by name of the process
	counters map[string]float64       // by role, name and labels
}

// measure starts a system, lets it settle, and measures it for the window.
func (p plan) measure(ctx context.Context, base, pictures string, cameras int, watch watching) (r result, err error) {
	s, err := p.begin(ctx, base, pictures, cameras, watch)
	if err != nil {
		return r, err
	}
	defer s.end()
	for _, q := range s.processes() {
		if err := proc.ForgetPeakMemory(q.cmd.Process.Pid); err != nil {
			return r, err
		}
	}
	if _, err := s.ask(); err != nil {
		return r, err
	}
	before, err := s.sample(ctx)
	if err != nil {
		return r, err
	}
	select {
	case <-time.After(p.Window):
	case <-ctx.Done():
		return r, ctx.Err()
	}
	after, err := s.sample(ctx)
	if err != nil {
		return r, err
	}
	views, err := s.ask()
	if err != nil {
		return r, err
	}
	r = result{Cameras: cameras, Watch: watch, Took: after.at.Sub(before.at)}
	if err := s.uses(&r, before, after); err != nil {
		return r, err
	}
	s.frames(&r, before.counters, after.counters)
	r.look(views)
	return r, nil
}

// ask asks all viewers what they have seen since the call before.
func (s *system) ask() (all []seen, err error) {
	for _, v := range s.viewers {
		one, err := v.ask()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func (s *system) sample(ctx context.Context) (n sample, err error) {
	n = sample{cpu: make(map[string]time.Duration), counters: make(map[string]float64)}
	for role := range s.numbers {
		values, err := s.read(ctx, role)
		if err != nil {
			return n, fmt.Errorf("numbers of the %s: %w", role, err)
		}
		maps.Copy(n.counters, values)
	}
	n.at = time.Now()
	for _, q := range s.processes() {
		if n.cpu[q.name], err = q.cpu(); err != nil {
			return n, fmt.Errorf("%s has ended: %w", q.name, err)
		}
	}
	n.machine, err = machineBusy()
	return n, err
}

// uses is what each role has used of processor and memory.
func (s *system) uses(r *result, before, after sample) error {
	took := r.Took.Seconds()
	r.Others = (after.machine - before.machine).Seconds() / took
	for _, q := range s.processes() {
		to := &r.Viewers
		switch q {
		case s.publisher:
			to = &r.Publisher
		case s.broker:
			to = &r.Broker
		case s.recorder:
			to = &r.Recorder
		case s.page:
			to = &r.Page
		}
		cores := (after.cpu[q.name] - before.cpu[q.name]).Seconds() / took
		peak, err := proc.PeakMemory(q.cmd.Process.Pid)
		if err != nil {
			return fmt.Errorf("memory of %s: %w", q.name, err)
		}
		to.CPU += cores
		to.Peak += peak
		r.Others -= cores
	}
	return nil
}

// frames is what has become of the cameras' frames.
func (s *system) frames(r *result, before, after map[string]float64) {
	sum := func(name string) (n float64) {
		for key, v := range after {
			if strings.HasPrefix(key, name+"{") {
				n += v - before[key]
			}
		}
		return n
	}
	most := func(name string) (n float64) {
		for key, v := range after {
			if strings.HasPrefix(key, name+"{") {
				n = max(n, v)
			}
		}
		return n
	}
	each := r.Took.Seconds() * float64(len(s.ids))
	sent, dropped := sum("lensbus_publisher_frames_sent_total"), sum("lensbus_publisher_frames_dropped_total")
	r.Sent, r.Dropped = sent/each, dropped/max(1, sent+dropped)
	r.Unstored = sum("lensbus_publisher_frames_unstored_total") / max(1, sent)
	r.Recorded = sum("lensbus_recorder_frames_total") / each
	r.LagFrames, r.LagSeconds = most("lensbus_recorder_lag_frames"), most("lensbus_recorder_lag_seconds")
}

// look is what the viewers have seen.
func (r *result) look(views []seen) {
	ages := make([]uint64, oldest+1)
	var received, missed uint64
	for _, v := range views {
		received += v.Received
		missed += v.Missed
		if v.Fetching {
			r.Fetching++
		}
		for age, n := range v.AgesMS {
			ages[age] += n
		}
	}
	if len(views) == 0 {
		return
	}
	r.Seen = float64(received) / r.Took.Seconds() / float64(len(views))
	r.Missed = float64(missed) / float64(max(1, received+missed))
	percentile := func(part float64) int {
		before := uint64(0)
		for age, n := range ages {
			if before += n; before > 0 && float64(before) >= part*float64(received) {
				return age
			}
		}
		return 0
	}
	r.AgeP50, r.AgeP99 = percentile(0.5), percentile(0.99)
}

// head begins the table.
func head(p plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%g frames a second, %d bytes each, %d viewers, windows of %v, recorded: %t, sync: %s\n\n", p.FPS, p.Bytes, p.Viewers, p.Window, p.Record, p.Sync)
	b.WriteString("CPU is in % of one core, memory the peak in MB.\n\n")
	columns := []string{
		"watch", "cameras", "publisher", "broker", "recorder", "page", "viewers", "others", "MB publisher", "MB broker", "MB recorder", "MB page", "MB viewers",
		"sent/s", "dropped", "unstored", "recorded/s", "lag s", "seen/s", "missed", "fetching", "age p50 ms", "p99",
	}
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	return b.String()
}

// row is the result as a row of it.
func (r result) row() string {
	roles := []use{r.Publisher, r.Broker, r.Recorder, r.Page, r.Viewers}
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %d |", r.Watch, r.Cameras)
	for _, u := range roles {
		fmt.Fprintf(&b, " %.0f |", 100*u.CPU)
	}
	fmt.Fprintf(&b, " %.0f |", 100*r.Others)
	for _, u := range roles {
		fmt.Fprintf(&b, " %.0f |", float64(u.Peak)/1e6)
	}
	fmt.Fprintf(&b, " %.1f | %.2f %% | %.2f %% | %.1f | %.1f | %.0f | %.2f %% | %d | %d | %d |\n",
		r.Sent, 100*r.Dropped, 100*r.Unstored, r.Recorded, r.LagSeconds, r.Seen, 100*r.Missed, r.Fetching, r.AgeP50, r.AgeP99)
	return b.String()
}
