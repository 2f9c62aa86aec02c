package publisher

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// sender makes frames of pictures and publishes them. It is where a picture becomes whole and
// true: padding off, Huffman tables in, dimensions read, number given.
type sender struct {
	id    frame.CameraID
	out   *bus.Publisher
	state *state
	fit   fitter
	seal  sealing
	log   *slog.Logger
	// recorded is true where the broker is to store the frames.
	recorded atomic.Bool
	// latency is told how long each frame took from its capture to here; nil: nobody asks.
	latency prometheus.Observer

	seq    uint64
	unsent missing
	newest bus.Latest[frame.Frame] // sent or not, for snapshots and the preview
	said   saidOnce
	// junk is from when to when all that was to be sent was no picture; nil where the newest is one.
	junk atomic.Pointer[[2]time.Time]
}

// junkFor is for how long all that came was no picture. Any goroutine may ask.
func (s *sender) junkFor() time.Duration {
	junk := s.junk.Load()
	if junk == nil {
		return 0
	}
	return junk[1].Sub(junk[0])
}

func (s *sender) isJunk() {
	now := time.Now()
	since := now
	if junk := s.junk.Load(); junk != nil {
		since = junk[0]
	}
	s.junk.Store(&[2]time.Time{since, now})
}

// cameraLimits are what a camera may deliver: more bytes than a frame may have, because those are
// made smaller here.
func cameraLimits() frame.Limits {
	limits := frame.DefaultLimits()
	limits.Bytes = source.DefaultMaxBytes
	return limits
}

func newSender(id frame.CameraID, out *bus.Publisher, state *state, log *slog.Logger) *sender {
	return &sender{id: id, out: out, state: state, log: log, said: make(saidOnce)}
}

// run sends what is in the slot until the slot is closed or ctx is done.
func (s *sender) run(ctx context.Context, pictures *source.Slot[source.Picture]) {
	for {
		picture, err := pictures.Take(ctx)
		if err != nil {
			return
		}
		if picture, err = s.whenThereIsRoom(ctx, pictures, picture); err != nil {
			return
		}
		s.send(ctx, picture)
	}
}

// roomEvery is how often it is looked whether the network takes another frame: a fraction of what one
// takes on a line on which that has to be waited for.
const roomEvery = 5 * time.Millisecond

// whenThereIsRoom waits until a frame can leave at once and returns the newest picture then. Those
// before it are dropped: the way to the broker is slower than the camera.
func (s *sender) whenThereIsRoom(ctx context.Context, pictures *source.Slot[source.Picture], picture source.Picture) (source.Picture, error) {
	if s.out.Room() {
		return picture, nil
	}
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	for !s.out.Room() {
		select {
		case <-ctx.Done():
			return picture, ctx.Err()
		case <-tick.C:
		}
		if newer, ok := pictures.TryTake(); ok {
			s.overtaken()
			picture = newer
		}
	}
	return picture, nil
}

func (s *sender) send(ctx context.Context, picture source.Picture) {
	data, info, err := frame.CompleteJPEG(picture.Data, cameraLimits())
	if err != nil {
		s.isJunk()
		s.drop(source.DropInvalid, "the camera delivers what is no picture", err)
		return
	}
	s.junk.Store(nil)
	limit := s.out.MaxBytes()
	if limit == 0 {
		s.drop(source.DropDisconnected, "", bus.ErrDisconnected)
		return
	}
	if limit = max(1, limit-s.seal.overhead()); len(data) > limit {
		smaller, err := s.fit.shrink(data, limit)
		if err != nil {
			s.drop(source.DropTooLarge, "frames do not fit the broker's max_payload", err)
			return
		}
		if s.said.first("shrink") {
			s.state.warn("frames are larger than the broker's max_payload and are encoded again at lower quality")
			s.log.Warn("frame larger than the broker's max_payload, encoded again", "bytes", len(data), "limit", limit, "quality", s.fit.quality, "bytes_now", len(smaller))
		}
		data = smaller
	}
	f := frame.Frame{
		Camera: s.id, Epoch: s.state.epoch(), Seq: s.seq + 1, Captured: picture.Captured,
		Codec: frame.JPEG, Width: info.Width, Height: info.Height, Key: true, Data: data,
	}
	s.newest.Put(f)
	f, err = s.seal.outgoing(f, frame.KindFrame)
	if err != nil {
		s.drop(source.DropInvalid, "frames cannot be sealed", err)
		return
	}
	f.Published = s.state.now()
	var late uint64
	f.Unsent, late = s.unsent.before(f.Captured)
	publish := s.out.Publish
	if s.recorded.Load() {
		publish = s.out.PublishStored
	}
	switch err := publish(ctx, &f); {
	case err == nil:
		s.seq++
		s.unsent.sent(f.Captured, late)
		now := time.Now()
		s.state.sent(&f, now)
		if s.latency != nil {
			s.latency.Observe(max(0, f.Published.Sub(f.Captured).Seconds()))
		}
	case errors.Is(err, bus.ErrTooLarge): // the server changed its limit in this moment
		s.drop(source.DropTooLarge, "", err)
	default:
		s.drop(source.DropDisconnected, "publishing fails", err)
	}
}

// overtaken counts a picture that a newer one has replaced before it could leave. It may be called from
// another goroutine.
func (s *sender) overtaken() {
	s.state.dropped(source.DropNetwork, 1)
	s.unsent.late.Add(1)
}

// drop counts a picture that cannot be sent, and says why the first time; an empty text is left to
// somebody else to say.
func (s *sender) drop(reason, text string, err error) {
	s.state.dropped(reason, 1)
	s.unsent.lost++
	if text != "" && !errors.Is(err, bus.ErrDisconnected) && s.said.first(reason) {
		s.log.Warn(text, "reason", reason, "error", err)
	}
}

// saidOnce keeps a lasting fault from filling the log.
type saidOnce map[string]bool

func (s saidOnce) first(what string) bool {
	was := s[what]
	s[what] = true
	return !was
}
