package window

import (
	"context"
	"errors"
	"image"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer"
)

// arrival is a frame and when it came.
type arrival struct {
	frame frame.Frame
	at    time.Time
	live  bool // it was the present then, not a picture that the server had kept
}

// shot is a decoded frame.
type shot struct {
	arrival
	picture *pixels
	within  image.Point // what it was decoded for
}

// feed is one camera on its way to the screen. Three take part: its own goroutine, which receives;
// a decoder's, which is asked for one picture at a time; and the window's.
type feed struct {
	id     frame.CameraID
	conn   *bus.Conn
	live   *bus.Live // nil: it replays
	tape   *tape     // nil: it is live
	counts counts
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	newest  arrival      // its time is zero: none has come
	meter   viewer.Meter // of what arrived
	damaged uint64
	sealed  viewer.Sealed
	within  image.Point // how large the window wants it
	asked   bool        // a decoder works on it, or the window has not taken the result
	ready   *shot       // for the window to take
	failed  bool        // the last decode failed
	refused error       // the server has refused the camera to this user
	spare   *pixels     // memory for the next picture
	tried   arrival     // what was decoded last, or in vain
	triedIn image.Point
}

// newFeed begins to receive the camera's frames, until close.
func newFeed(ctx context.Context, conn *bus.Conn, id frame.CameraID, counts counts) (*feed, error) {
	live, err := conn.Live(id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{id: id, conn: conn, live: live, counts: counts, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.receive(ctx)
	}()
	return f, nil
}

func (f *feed) receive(ctx context.Context) {
	reader := f.live.Reader()
	for {
		got, _, err := reader.Next(ctx)
		if err != nil { // the window or the connection was closed, or this user may not
			f.mu.Lock()
			defer f.mu.Unlock()
			if errors.Is(err, bus.ErrNotAllowed) {
				f.refused = err
			}
			return
		}
		now := time.Now()
		offset, _ := f.conn.Offset(f.id)
		f.mu.Lock()
		f.meter.Frame(got, now, offset.Offset)
		f.newest = arrival{got, now, f.meter.Live(now)}
		f.mu.Unlock()
	}
}

// refusal is the server's, of the camera to this user; nil: none.
func (f *feed) refusal() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// close ends the feed and waits for its goroutine, not for a decoder.
func (f *feed) close() error {
	f.cancel()
	<-f.done
	if f.live == nil {
		return nil
	}
	return f.live.Close()
}

// ask says how large the window wants the picture and returns whether a decoder must be sent for
// it: there is a frame that was not tried at that size, and no decoder at work.
func (f *feed) ask(within image.Point) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.within = within
	if f.asked || f.newest.at.IsZero() {
		return false
	}
	if f.tried.at.Equal(f.newest.at) && f.triedIn == within {
		return false
	}
	f.asked = true
	return true
}

// decode makes the newest frame into a picture for the window to take.
func (f *feed) decode(d decoder) {
	f.mu.Lock()
	in, within, picture := f.newest, f.within, f.spare
	f.spare = nil
	f.mu.Unlock()
	if picture == nil {
		picture = new(pixels)
	}
	err := errors.New("more scans than a picture needs")
	if !tooManyScans(in.frame.Data) {
		err = d.decode(picture, in.frame.Data, image.Pt(in.frame.Width, in.frame.Height), within)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried, f.triedIn = in, within
	f.failed = err != nil
	if err != nil {
		f.damaged++
		f.counts.damaged.Inc()
		f.spare = picture
		f.asked = false
		return
	}
	f.ready = &shot{in, picture, within}
}

// take returns the picture that was decoded since the last call, or nil. The one that was shown
// before goes back as memory for the next.
func (f *feed) take(shown *shot) *shot {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready == nil {
		return nil
	}
	next := f.ready
	f.ready, f.asked = nil, false
	if shown != nil {
		f.spare = shown.picture
	}
	return next
}

// measured is what the window says about the frames that arrive.
type measured struct {
	fps      float64
	arrives  bool // frames arrive, whether they can be decoded or not
	missed   uint64
	damaged  uint64
	failing  bool // the newest could not be decoded
	slow     bool
	unopened string // why frames that arrive cannot be opened; empty: they can, or none arrive
}

func (f *feed) measure(now time.Time) measured {
	var stats bus.LiveStats
	if f.live != nil {
		stats = f.live.Stats()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unopened := f.sealed.Why(stats, now)
	if f.meter.Live(now) {
		unopened = ""
	}
	return measured{
		fps: f.meter.FPS(now), arrives: f.meter.Live(now),
		missed: stats.Missed, slow: stats.Fetching,
		damaged: f.damaged, failing: f.failed, unopened: unopened,
	}
}
