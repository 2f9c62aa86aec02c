package bus

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// UnstoredReason is why the broker has not confirmed that it stored a frame. It is a label in metrics
// and status.
type UnstoredReason string

// The reasons for which frames are unstored.
const (
	UnstoredWindow       UnstoredReason = "window"       // too many frames before it were not confirmed yet
	UnstoredTimeout      UnstoredReason = "timeout"      // no answer in time
	UnstoredNoStream     UnstoredReason = "no_stream"    // nothing stores the camera's frames
	UnstoredBusy         UnstoredReason = "busy"         // the broker cannot store as fast as frames come
	UnstoredNoRoom       UnstoredReason = "no_room"      // the broker's limits or its disk are used up
	UnstoredTooLarge     UnstoredReason = "too_large"    // more than the stream takes
	UnstoredDuplicate    UnstoredReason = "duplicate"    // the stream holds another message of that id
	UnstoredRefused      UnstoredReason = "refused"      // the broker refused for another reason
	UnstoredDisconnected UnstoredReason = "disconnected" // the connection was lost before the answer
)

// UnstoredReasons are all reasons.
func UnstoredReasons() []UnstoredReason {
	return []UnstoredReason{
		UnstoredWindow, UnstoredTimeout, UnstoredNoStream, UnstoredBusy, UnstoredNoRoom,
		UnstoredTooLarge, UnstoredDuplicate, UnstoredRefused, UnstoredDisconnected,
	}
}

// StoredStats account for every frame that was published with [Publisher.PublishStored] and has left:
// Sent = Stored + the sum of Unstored + InFlight.
type StoredStats struct {
	Sent     uint64
	Stored   uint64                    // confirmed by the broker
	Unstored map[UnstoredReason]uint64 // not confirmed; each was published live all the same
	InFlight int                       // waiting for the broker's answer
	LastSeq  uint64                    // the number in the stream of the newest frame confirmed
	// Stopped is why the broker is not asked to confirm every frame now, only one a second to see
	// whether it does again; "" while it is asked.
	Stopped UnstoredReason
}

// Storing says whether frames are being confirmed: some have been, and it has not stopped.
func (s StoredStats) Storing() bool { return s.Stored > 0 && s.Stopped == "" }

// PublishStored is Publish for a recorded camera: the frame goes to the viewers as any other, and the
// broker is asked to confirm that it has stored it. It does not wait for that. Where the broker does
// not keep up, the frame is published without asking and counts as unstored; see
// [Publisher.StoredStats]. It returns what Publish returns.
//
// Unstored means not confirmed. Such a frame is often in the stream all the same.
func (p *Publisher) PublishStored(ctx context.Context, f *frame.Frame) error {
	inbox, err := p.nc.listen()
	if err != nil {
		return err
	}
	number, asking := p.nc.ledger.begin(&p.account, f)
	reply := ""
	if asking {
		reply = inbox + "." + strconv.FormatUint(number, 36)
	}
	err = p.publish(ctx, p.subject, f, true, reply)
	p.nc.ledger.left(&p.account, f, number, err == nil)
	return err
}

// StoredStats returns the account so far. It is exact at every moment.
func (p *Publisher) StoredStats() StoredStats { return p.nc.ledger.stats(&p.account) }

// AskAgain makes the broker be asked to confirm the next frame, after something was done about what
// made it stop confirming.
func (p *Publisher) AskAgain() { p.nc.ledger.askAgain(&p.account) }

// StoredChanged gets a value when [StoredStats].Stopped has changed.
func (p *Publisher) StoredChanged() <-chan struct{} { return p.account.changed }

// StoredOutcome says how the publication of one frame with [Publisher.PublishStored] came out.
type StoredOutcome struct {
	Epoch string
	Seq   uint64
	// Stored is the frame's number in the stream; 0 where the broker has not confirmed it.
	Stored uint64
	Reason UnstoredReason // "": the broker has confirmed that it stored the frame
}

// TellStored makes tell hear of every frame that is published with PublishStored from now on: once,
// when it is known how it came out, in no certain order. A frame that PublishStored returned an error
// for has none. tell is called from other goroutines, one at a time, while the publishing of all
// cameras of the connection may wait for it: it must return at once and call nothing of p. Call
// TellStored before the first PublishStored.
func (p *Publisher) TellStored(tell func(StoredOutcome)) { p.account.tell = tell }

// listen returns the inbox to which the broker's answers come, and subscribes to it first: one
// subscription for all cameras of the connection, and none where nothing is recorded.
func (c *framesConn) listen() (inbox string, err error) {
	if inbox := c.inbox.Load(); inbox != nil {
		return *inbox, nil
	}
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	if inbox := c.inbox.Load(); inbox != nil {
		return *inbox, nil
	}
	if c.limit.Load() == 0 { // subscribing would wait for the connection's lock
		return "", ErrDisconnected
	}
	inbox = c.NewInbox()
	_, err = c.Subscribe(inbox+".*", func(m *nats.Msg) {
		if number, err := strconv.ParseUint(m.Subject[len(inbox)+1:], 36, 64); err == nil {
			c.ledger.answered(number, readAnswer(m))
		}
	})
	if err != nil {
		return "", ErrDisconnected // closed, that is
	}
	c.inbox.Store(&inbox)
	return inbox, nil
}
