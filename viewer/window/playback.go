package window

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strconv"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// Playback says what a window replays: all its cameras by the same clock.
type Playback struct {
	// From is where it begins, by the publishers' clocks. Required.
	From time.Time
	// To is where it ends; zero: at the newest frame there is.
	To time.Time
	// Speed is how many seconds of the recording pass in one, 0.1 to 64.
	Speed float64
}

func (p *Playback) validate(cfg Config) error {
	switch {
	case p == nil:
		return nil
	case len(cfg.Cameras) == 0:
		return errors.New("a replay needs the names of its cameras")
	case p.From.IsZero():
		return errors.New("a replay needs to know where to begin")
	case !p.To.IsZero() && !p.From.Before(p.To):
		return errors.New("a replay cannot end before it begins")
	case !(p.Speed >= frame.MinSpeed && p.Speed <= frame.MaxSpeed): // NaN is not
		return fmt.Errorf("speed %g: want %g to %d", p.Speed, frame.MinSpeed, frame.MaxSpeed)
	}
	return nil
}

// newFeed begins to receive a camera's frames: live ones, or recorded ones.
func (w *window) newFeed(ctx context.Context, id frame.CameraID) (*feed, error) {
	if w.play != nil {
		return newTape(ctx, w.deps.Bus, id, w.deps.Metrics.camera(id), w.play, w.deps.Playback.To), nil
	}
	return newFeed(ctx, w.deps.Bus, id, w.deps.Metrics.camera(id))
}

// played is what there is to say of a camera's replay.
type played struct {
	playState
	said string // why there is no next frame
	gap  *frame.Gap
	next time.Time // of the frame that is waited for
}

// isStale says whether a picture does not belong to this moment: the recording has nothing of it, or
// somebody has sought and what there is is not here yet.
func (p *played) isStale(captured time.Time) bool {
	if captured.After(p.position.Add(viewer.StaleAfter)) {
		return true
	}
	// As long as for live pictures by the clock on the wall, which a decoder may need a part of.
	return p.position.Sub(captured) >= time.Duration(float64(viewer.StaleAfter)*max(p.speed, 1))
}

// refreshPlayed brings up to date what is said about replays.
func (w *window) refreshPlayed(now time.Time) {
	if from, to, skipped := w.play.skipHole(now); skipped {
		w.say(fmt.Sprintf("nothing between %s and %s", clockText(from), clockText(to)), now)
	}
	state := w.play.state(now)
	for _, v := range w.views {
		v.played = v.feed.playedNow(state)
	}
}

func (f *feed) playedNow(state playState) *played {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &played{state, f.tape.said, f.tape.gap, f.tape.next}
}

// describePlayed writes into the tile what is known of a replay.
func (v *view) describePlayed() {
	t, p := &v.tile, v.played
	switch {
	case v.shot == nil && v.measured.failing:
		t.title, t.lines = "no picture", []string{"what is recorded cannot be decoded"}
	case v.shot == nil || v.stale:
		t.title = "nothing recorded at " + clockText(p.position)
		switch {
		case p.said != "":
			t.lines = []string{clean(p.said)}
		case !p.next.IsZero():
			t.lines = []string{"the next picture is of " + momentText(p.next)}
		default:
			t.title = "looking for " + clockText(p.position) + "…"
		}
	default:
		t.label = p.label(v.shot.frame.Captured, v.measured.damaged)
	}
}

// label is the line over a recorded picture, the more important first.
func (p *played) label(captured time.Time, damaged uint64) []words {
	line := []words{{text: momentText(captured), ink: inkPlain, bold: true}, {text: p.speedText(), ink: inkPlain}}
	if p.said != "" {
		line = append(line, words{text: clean(p.said), ink: inkWarning})
	}
	if p.gap != nil {
		line = append(line, words{text: gapText(p.gap), ink: inkWarning})
	}
	if damaged > 0 {
		line = append(line, words{text: fmt.Sprintf("%d damaged", damaged), ink: inkWarning})
	}
	return line
}

func (s playState) speedText() string {
	if s.paused {
		return "paused"
	}
	return "×" + strconv.FormatFloat(s.speed, 'g', 3, 64)
}

func gapText(gap *frame.Gap) string {
	if gap.Missing == 0 {
		return "gap: " + clean(string(gap.Reason))
	}
	return fmt.Sprintf("gap: %d missing, %s", gap.Missing, clean(string(gap.Reason)))
}

// momentText is a time as people read it, their own.
func momentText(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.0") }

func clockText(t time.Time) string { return t.Local().Format("15:04:05") }

// seekBy is how far an arrow goes.
const seekBy = 10 * time.Second

// actPlayed does what a key asks of a replay, and is false where it asks for something else.
func (w *window) actPlayed(do playAction, now time.Time) bool {
	switch do {
	case playNothing:
		return false
	case playPause:
		w.play.togglePause(now)
	case playStep:
		w.play.step(now)
	case playBack:
		w.play.skip(-seekBy, now)
	case playAhead:
		w.play.skip(seekBy, now)
	case playFaster, playSlower:
		w.play.changeSpeed(do == playFaster, now)
	case playLive:
		w.goLive(now)
		return true
	}
	state := w.play.state(now)
	w.say(clockText(state.position)+"  "+state.speedText(), now)
	w.factsAt = time.Time{} // what is said changes at once
	return true
}

// say shows a line at the bottom for a while.
func (w *window) say(text string, now time.Time) {
	w.toast, w.toastAt = words{text: text, ink: inkPlain}, now
	w.dirty, w.all = true, true
}

// goLive shows the same cameras live.
func (w *window) goLive(now time.Time) {
	for _, v := range w.views {
		_ = v.feed.close() // a replay has no error
	}
	w.play, w.views, w.shown = nil, nil, nil
	w.area, w.factsAt, w.began = image.Point{}, time.Time{}, now
	w.say("live", now)
}

// helpKeys are the keys that mean something now.
func (w *window) helpKeys() [][2]string {
	if w.play != nil {
		return append(playHelp(), keyHelp()...)
	}
	return keyHelp()
}
