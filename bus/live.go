package bus

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Live receives one camera's frames as they come and keeps the newest: whoever reads from it gets
// the present, never a queue of the past. On a link too slow for the stream it fetches the newest
// picture whenever the link can take one (docs/design/slow-viewers.md).
//
// Any number of goroutines may read from one Live, each through its own [Live.Reader]. Close it
// after use.
type Live struct {
	id      frame.CameraID
	preview bool // the small pictures
	opener  Opener
	latest  Latest[frame.Frame]
	links   *links
	leg     *leg                 // the newest; guarded by links.mu
	reader  *Reader[frame.Frame] // Next's
	// stopWatch gives the lease back that tells the camera that somebody watches.
	stopWatch func()

	clock   *clock   // of the camera's publisher
	metrics *metrics // of the Conn

	began time.Time

	mu   sync.Mutex
	prev frame.Frame // the newest frame, Data dropped
	// settled is set by the first frame of a subscription. Until then the link is only looked at, and
	// what is left out meanwhile is not missed: the viewer has just come.
	settled bool
	// Frames in a row that are older than prev, and the number of the last; see astray.
	older    int
	olderSeq uint64
	stats    LiveStats
	count    *cameraMetrics // see counts
}

// LiveStats count what a [Live] has seen since it began.
type LiveStats struct {
	Received uint64                  // frames that arrived
	Bytes    uint64                  // of their data, as it was sent
	Missed   uint64                  // frames that were sent and did not arrive, by their sequence, but for the first look at the link; 0 of a preview, which leaves frames out
	Rejected map[frame.Reason]uint64 // messages that were no frames, or are sealed to others
	Arrived  time.Time               // when the newest frame arrived; zero: none yet
	Fetching bool                    // the link, or the way to it, is slower than the stream
}

// Live begins to receive the camera's frames. It does not wait, neither for the server nor for the
// camera, and an unknown camera is no error: its frames come when it does. One that this user's
// credentials are not for is [ErrNotAllowed].
func (c *Conn) Live(id frame.CameraID) (*Live, error) { return c.live(id, false) }

// Preview is Live for the camera's preview: small pictures, at most [frame.PreviewFPS] a second,
// which its publisher makes only while somebody holds such a Live. The server keeps none of them, so
// the first comes when it is made. A publisher that makes no previews sends nothing.
func (c *Conn) Preview(id frame.CameraID) (*Live, error) { return c.live(id, true) }

func (c *Conn) live(id frame.CameraID, preview bool) (*Live, error) {
	if _, err := c.within([]frame.CameraID{id}); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.links == nil {
		c.links = newLinks(c.dial, c.metrics.forget, c.newest, c.log)
	}
	l := &Live{id: id, preview: preview, opener: c.opener, links: c.links, clock: c.clockOf(id), metrics: c.metrics, began: time.Now(), stopWatch: c.watchFor(id, preview)}
	l.reader = l.latest.Reader()
	c.links.add(l)
	return l, nil
}

func (l *Live) subject() string {
	if l.preview {
		return l.id.PreviewSubject()
	}
	return l.id.FrameSubject()
}

// Next waits for a frame newer than the last one that Next returned. It returns ctx's error when
// ctx is done, [ErrNotAllowed] once the server has refused the camera to this user, which ends the Live
// for good, and [ErrClosed] after Close. It is for one goroutine.
func (l *Live) Next(ctx context.Context) (frame.Frame, error) {
	f, _, err := l.reader.Next(ctx)
	return f, err
}

// Reader returns a further reader, which tells too how many frames it skipped. Its errors are Next's.
func (l *Live) Reader() *Reader[frame.Frame] { return l.latest.Reader() }

// Newest returns the newest frame, and false where none has come yet.
func (l *Live) Newest() (frame.Frame, bool) { return l.latest.Newest() }

// Stats returns the counts so far.
func (l *Live) Stats() LiveStats {
	fetching := l.links.isFetching(l) // the links' lock comes before this one's
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Rejected = maps.Clone(s.Rejected)
	s.Fetching = fetching
	return s
}

// Close ends the Live and its readers. It is safe twice.
func (l *Live) Close() error {
	l.links.remove(l)
	l.latest.Close(ErrClosed)
	l.stopWatch()
	return nil
}

// arrived is when the newest frame arrived.
func (l *Live) arrived() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats.Arrived
}

// settle notes that the newest frame came through a subscription.
func (l *Live) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled = true
}

// receive takes a message as it came from the wire and returns whether it is a new frame.
func (l *Live) receive(subject string, header map[string][]string, data []byte) (frame.Frame, bool) {
	f, err := frame.Decode(subject, header, data, frame.Limits{})
	if err != nil {
		l.reject(err)
		return frame.Frame{}, false
	}
	return f, l.accept(f)
}

func (l *Live) reject(err error) {
	reason := frame.ReasonHeader
	if rejected, ok := err.(*frame.RejectError); ok {
		reason = rejected.Reason
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stats.Rejected == nil {
		l.stats.Rejected = make(map[frame.Reason]uint64)
	}
	l.stats.Rejected[reason]++
	l.counts().reject(reason)
}

// counts is called with mu held. It waits for the first message, so that asking for cameras that do
// not exist makes no numbers.
func (l *Live) counts() *cameraMetrics {
	if l.count == nil {
		l.count = l.metrics.camera(l.id, l.kind(), l.clock)
	}
	return l.count
}

func (l *Live) kind() frame.Kind {
	if l.preview {
		return frame.KindPreview
	}
	return frame.KindFrame
}

// What is believed of sequence numbers. A gap of mostMissed would be 50 days at 1000 fps.
const (
	mostMissed  = 1 << 32
	strayFrames = 3
	strayAfter  = time.Second
	lookAtMost  = 3 * time.Second // a link that takes longer is slow, and does miss frames
)

// astray is called with mu held for a frame whose number is not newer. It is true when the newest
// number must have been a lie: older ones keep coming, one after the other, and nothing newer. One
// message with a huge number must not blind a viewer for ever.
func (l *Live) astray(f frame.Frame) bool {
	if f.Seq == l.prev.Seq || f.Seq <= l.olderSeq {
		return false
	}
	l.older++
	l.olderSeq = f.Seq
	return l.older >= strayFrames && time.Since(l.stats.Arrived) > strayAfter
}

// stale says of a frame that was not opened yet that no opening makes it the newest: of a sealed camera that
// is there, only newer numbers are worth the work.
func (l *Live) stale(f frame.Frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f.Codec.Sealed() && f.Epoch == l.prev.Epoch && (f.Seq == l.prev.Seq || f.Seq < l.prev.Seq && time.Since(l.stats.Arrived) <= strayAfter)
}

// accept makes f, as it was sent, the newest frame. It returns false for one that is not newer, as when the same
// picture was fetched twice or a frame of the plain subscription comes after a fetched one, and for one that
// cannot be opened.
func (l *Live) accept(f frame.Frame) bool {
	if l.stale(f) {
		return false
	}
	sent := len(f.Data)
	f, err := l.opener.OpenLive(f, l.kind())
	if err != nil {
		l.reject(err)
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.Epoch == l.prev.Epoch && f.Seq <= l.prev.Seq && !l.astray(f) {
		return false
	}
	var missed uint64
	looking := !l.settled && time.Since(l.began) < lookAtMost
	if gap := f.MissedSince(&l.prev); !l.preview && !looking && gap < mostMissed {
		missed = gap
	}
	l.older, l.olderSeq = 0, 0
	l.stats.Missed += missed
	l.stats.Received++
	l.stats.Bytes += uint64(sent)
	l.stats.Arrived = time.Now()
	// The first of an epoch may be one that the server had kept for long.
	l.counts().frame(&f, missed, f.Epoch != l.prev.Epoch, l.stats.Arrived)
	l.prev = f
	l.prev.Data = nil
	l.latest.Put(f)
	return true
}
