package bus

import (
	"maps"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// How frames wait for the broker's confirmation.
const (
	// mostInFlight frames of a camera wait at a time: half a second of 30 a second, and what bounds
	// the memory that a broker needs for those that it has not stored.
	mostInFlight = 16
	answerWait   = 5 * time.Second
	probeEvery   = time.Second // while the broker does not confirm
)

// ledger accounts for the frames of all cameras of a connection that the broker is to store. Its
// methods never wait for the network.
type ledger struct {
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]*waiting // for an answer, or about to leave
	timer   *time.Timer         // for the earliest deadline of those; nil: none is set
	closed  bool
}

// account is one camera's. The ledger's mu guards it.
type account struct {
	stream  string // that the camera's frames are stored in
	stats   StoredStats
	newest  uint64 // number of the newest frame that was confirmed
	probeAt time.Time
	changed chan struct{}
	tell    func(StoredOutcome) // nil: nobody asks
}

func newAccount(stream string) account {
	return account{stream: stream, stats: StoredStats{Unstored: make(map[UnstoredReason]uint64)}, changed: make(chan struct{}, 1)}
}

// waiting is a frame whose answer is awaited.
type waiting struct {
	account  *account
	epoch    string
	seq      uint64
	deadline time.Time // zero: it has not left yet
	early    *answer   // came before it was known to have left
}

// begin is called before a frame is published. It returns the frame's number where the broker is to
// be asked to confirm it. left must follow.
func (l *ledger) begin(a *account, f *frame.Frame) (number uint64, asking bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.stats.InFlight >= mostInFlight || l.closed {
		return 0, false
	}
	if a.stats.Stopped != "" {
		now := time.Now()
		if now.Before(a.probeAt) {
			return 0, false
		}
		a.probeAt = now.Add(probeEvery)
	}
	if l.waiting == nil {
		l.waiting = make(map[uint64]*waiting)
	}
	l.next++
	l.waiting[l.next] = &waiting{account: a, epoch: f.Epoch, seq: f.Seq}
	return l.next, true
}

// left is called when the frame that begin was called for has left, or could not. number is 0 where
// the broker was not asked.
func (l *ledger) left(a *account, f *frame.Frame, number uint64, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[number]
	if w == nil {
		if sent { // nobody was asked
			a.stats.Sent++
			reason := a.stats.Stopped
			if reason == "" {
				reason = UnstoredWindow
			}
			a.stats.Unstored[reason]++
			a.say(StoredOutcome{Epoch: f.Epoch, Seq: f.Seq, Reason: reason})
		}
		return
	}
	if !sent {
		delete(l.waiting, number)
		return
	}
	a.stats.Sent++
	a.stats.InFlight++
	if w.early != nil {
		l.settle(number, w, *w.early)
		return
	}
	w.deadline = time.Now().Add(answerWait)
	if l.timer == nil && !l.closed {
		l.timer = time.AfterFunc(answerWait, l.expire)
	}
}

// answered is called with the broker's answer to the frame of that number. Late ones and unknown
// numbers change nothing: the frame is accounted for.
func (l *ledger) answered(number uint64, with answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.waiting[number]
	if w == nil {
		return
	}
	if with.seq > 0 && with.stream != w.account.stream {
		with = answer{reason: UnstoredRefused} // another stream has it, in which no recorder looks
	}
	if w.deadline.IsZero() {
		w.early = &with
		return
	}
	l.settle(number, w, with)
}

// settle books a frame that has left. mu is held.
func (l *ledger) settle(number uint64, w *waiting, with answer) {
	delete(l.waiting, number)
	a := w.account
	a.stats.InFlight--
	a.say(StoredOutcome{Epoch: w.epoch, Seq: w.seq, Stored: with.seq, Reason: with.reason})
	if with.reason == "" {
		a.stats.Stored++
		a.stats.LastSeq = max(a.stats.LastSeq, with.seq)
		a.newest = max(a.newest, number)
		a.stop("")
		return
	}
	a.stats.Unstored[with.reason]++
	switch with.reason {
	case UnstoredTooLarge, UnstoredDuplicate: // this one frame's affair
		return
	case UnstoredDisconnected: // says nothing about the server that comes next
		return
	}
	if number > a.newest { // one of before says nothing about now
		a.stop(with.reason)
	}
}

// say tells how a frame's publication came out.
func (a *account) say(o StoredOutcome) {
	if a.tell != nil {
		a.tell(o)
	}
}

// stop sets why the broker is not asked any more; "" where it is asked again.
func (a *account) stop(reason UnstoredReason) {
	if a.stats.Stopped == "" && reason != "" {
		a.probeAt = time.Now().Add(probeEvery)
	}
	if a.stats.Stopped == reason {
		return
	}
	a.stats.Stopped = reason
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

func (l *ledger) askAgain(a *account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.probeAt = time.Time{}
}

// expire books those whose time is over.
func (l *ledger) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	now, next := time.Now(), time.Time{}
	for number, w := range l.waiting {
		switch {
		case w.deadline.IsZero():
		case !w.deadline.After(now):
			l.settle(number, w, answer{reason: UnstoredTimeout})
		case next.IsZero() || w.deadline.Before(next):
			next = w.deadline
		}
	}
	if !next.IsZero() && !l.closed {
		l.timer = time.AfterFunc(next.Sub(now), l.expire)
	}
}

// lost is called when the connection is: no answer will come to what waits.
func (l *ledger) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number, w := range l.waiting {
		if w.deadline.IsZero() {
			w.early = &answer{reason: UnstoredDisconnected}
			continue
		}
		l.settle(number, w, answer{reason: UnstoredDisconnected})
	}
}

// close ends the account: what waits has no answer.
func (l *ledger) close() {
	l.lost()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

func (l *ledger) stats(a *account) StoredStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := a.stats
	s.Unstored = maps.Clone(s.Unstored)
	return s
}
