package web

import (
	"context"
	"errors"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// feed is one camera, or its preview, while it is watched. attach and release count who does.
type feed struct {
	hub *hub
	feedKey
	source   *bus.Live
	pictures bus.Latest[*picture]
	signals  bus.Latest[signal]
	known    chan struct{} // closed when the camera has shown that it exists
	denied   chan struct{} // closed when the server has refused it to this page
	cancel   context.CancelFunc
	done     chan struct{}

	sealed   viewer.Sealed // of run, as are instead and unopened
	instead  standIn
	unopened string // why frames that come cannot be opened; empty: they can, or none come

	refs    int // guarded by hub.mu, as are the next two
	viewers int
	timer   *time.Timer
}

// signal is what a viewer is told about a camera beside its pictures.
type signal struct {
	Type   string      `json:"type"` // "signal"
	Live   bool        `json:"live"`
	State  frame.State `json:"state"` // empty: no status has been heard
	Reason string      `json:"reason"`
}

// signalTick is how soon a camera's silence or change of state is told after it is due.
const signalTick = 100 * time.Millisecond

func (f *feed) run(ctx context.Context) {
	reader := f.source.Reader()
	tick := time.NewTicker(signalTick)
	defer tick.Stop()
	f.instead = standIn{feed: f, since: time.Now()}
	defer f.instead.close()
	in := intake{feed: f}
	f.tell(time.Now())
	for {
		from, preview := reader, f.preview
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.tell(now)
			f.instead.consider(now)
			continue
		case <-reader.Ready():
		case <-f.instead.ready():
			from, preview = f.instead.reader, false
		}
		got, _, err := from.Next(ctx)
		if errors.Is(err, bus.ErrNotAllowed) {
			f.hub.log.Error("the page cannot receive a camera", "error", err)
			close(f.denied)
			f.pictures.Close(err)
			f.signals.Close(err)
		}
		if err != nil {
			return
		}
		if preview {
			f.instead.previewed(&got)
		}
		in.take(got, preview, time.Now())
	}
}

// tell works out what viewers must be told and tells it where it has changed.
func (f *feed) tell(now time.Time) {
	camera, heard := f.hub.cameras.Get(f.id)
	s := signal{Type: "signal"}
	p := f.newest()
	flowing := p != nil && p.live(now)
	if f.unopened = f.sealed.Why(f.source.Stats(), now); f.unopened == "" {
		f.unopened = f.instead.unopened(now)
	}
	if flowing {
		f.unopened = ""
	}
	if heard && !camera.Silent {
		s.State, s.Reason = camera.State, camera.Reason
	}
	s.Live = flowing && (s.State == frame.StateLive || s.State == "")
	switch {
	case s.Live || s.Reason != "":
	case f.unopened != "":
		s.Reason = f.unopened
	case camera.Silent:
		s.Reason = "nothing has been heard of its publisher"
	case !flowing:
		s.Reason = "no picture for 2 s"
	}
	if (p != nil || heard || f.unopened != "") && !f.isKnown() {
		close(f.known)
	}
	if old, ok := f.signals.Newest(); !ok || old != s {
		f.signals.Put(s)
	}
}

func (f *feed) close() {
	f.cancel()
	_ = f.source.Close() // returns no error
	<-f.done
	f.pictures.Close(bus.ErrClosed)
	f.signals.Close(bus.ErrClosed)
}

func (f *feed) isDenied() bool {
	select {
	case <-f.denied:
		return true
	default:
		return false
	}
}

func (f *feed) isKnown() bool {
	select {
	case <-f.known:
		return true
	default:
		return false
	}
}

// newest returns the newest picture, nil where none has come.
func (f *feed) newest() *picture {
	p, _ := f.pictures.Newest()
	return p
}
