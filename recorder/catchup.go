package recorder

import (
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// A recorder that is behind could keep a broker so busy that live pictures wait. Nobody waits for what
// it catches up with, as long as the stream does not drop it.
const (
	// catchUpPiece is after how many bytes it is looked whether to wait: what the broker sends
	// meanwhile, live pictures wait for.
	catchUpPiece = 1 << 20
	// catchUpLeast is how many seconds of the stream are recorded in a second at least, however large
	// the pictures are, so that catching up ends, and in no more than the time that was missed.
	catchUpLeast = 2
	// longestDebt bounds what one camera's hurry costs the others, and how long what was fetched waits
	// here: the broker sends it again after AckWait.
	longestDebt = 2 * time.Second
)

// lane is what the cameras of a recorder that are behind share: so many bytes a second.
type lane struct {
	mu   sync.Mutex
	free time.Time // when what was fetched so far is paid for
}

// take says how long to wait after so many bytes that took so long.
func (l *lane) take(bytes, perSecond int64, took time.Duration) time.Duration {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if began := now.Add(-took); l.free.Before(began) {
		l.free = began
	}
	l.free = l.free.Add(time.Duration(float64(bytes) / float64(perSecond) * float64(time.Second)))
	if latest := now.Add(longestDebt); l.free.After(latest) {
		l.free = latest
	}
	return l.free.Sub(now)
}

// throttle holds back one camera that is behind. It is for one goroutine.
type throttle struct {
	lane *lane

	// A piece of the stream.
	began  time.Time // when it could come; zero: there was none
	from   time.Time // when the broker stored the last message before it
	bytes  int64
	frames uint64
}

// took notes a message, and says whether it ends a piece.
func (t *throttle) took(s bus.Stored) bool {
	if t.began.IsZero() {
		t.began, t.from = time.Now(), s.At
	}
	t.frames++
	t.bytes += int64(len(s.Data))
	return t.bytes >= catchUpPiece
}

// wait says how long to wait after the piece that s has ended: not at all for a camera that is not behind,
// and for one whose stream could drop something meanwhile.
func (t *throttle) wait(s bus.Stored, limits *bus.KeptLimits, perSecond int64) time.Duration {
	now := time.Now()
	took, stored, bytes, mean := now.Sub(t.began), s.At.Sub(t.from), t.bytes, t.bytes/int64(t.frames)
	*t = throttle{lane: t.lane, began: now, from: s.At}
	if stored <= catchUpLeast*took || urgent(s, mean, limits) {
		return 0
	}
	wait := max(0, min(t.lane.take(bytes, perSecond, took), stored/catchUpLeast-took))
	t.began = now.Add(wait)
	return wait
}

// urgent says whether what waits in the stream is near its limits: half of them, or nobody knows. How much
// waits is what the messages took lately, or on the average of the stream: after a night's small pictures
// come the day's.
func urgent(s bus.Stored, mean int64, limits *bus.KeptLimits) bool {
	return limits == nil ||
		limits.Age > 0 && time.Since(s.At) > limits.Age/2 ||
		limits.Bytes > 0 && int64(s.Pending)*max(mean, limits.Mean) > limits.Bytes/2
}
