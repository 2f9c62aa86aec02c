package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// headerRoom is what the NATS headers of a frame may take of max_payload, which counts both.
const headerRoom = 1 << 10

// Publisher publishes the frames of one camera. It is for one goroutine; there is nothing to close.
type Publisher struct {
	nc      *framesConn
	subject string
	preview string
	account account // of PublishStored
}

// framesConn is the connection that all publishers of a Conn share.
type framesConn struct {
	*nats.Conn
	abortable
	// limit is the server's max_payload; 0 while there is no connection. It is kept here because
	// asking the nats.Conn would wait for the write that is under way.
	limit atomic.Int64
	// replies begins the inboxes of who asks for recordings, so that recorders know them for one's.
	replies string

	// Of those who publish frames that are stored:
	ledger      ledger
	subscribing sync.Mutex
	inbox       atomic.Pointer[string] // where the broker's answers come; nil: nobody has asked yet
}

// closeInTime closes the connection; a write to a frozen server does not hold it up for long.
func (c *framesConn) closeInTime() {
	stuck := time.AfterFunc(abortGrace, c.abort)
	defer stuck.Stop()
	c.Close()
	c.ledger.close()
}

// watch keeps limit, and calls those who were to be told before.
func (c *framesConn) watch(o *nats.Options) error {
	connected := func(before nats.ConnHandler) nats.ConnHandler {
		return func(nc *nats.Conn) {
			c.limit.Store(nc.MaxPayload())
			if before != nil {
				before(nc)
			}
		}
	}
	o.ConnectedCB, o.ReconnectedCB = connected(o.ConnectedCB), connected(o.ReconnectedCB)
	before := o.DisconnectedErrCB
	o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		c.limit.Store(0)
		c.ledger.lost()
		if before != nil {
			before(nc, err)
		}
	}
	return nil
}

// Publisher returns what publishes the camera's frames. All of a Conn's publishers share one
// connection, which carries nothing else. A camera that this user's credentials are not for is
// [ErrNotAllowed].
func (c *Conn) Publisher(id frame.CameraID) (*Publisher, error) {
	if _, err := c.within([]frame.CameraID{id}); err != nil {
		return nil, &notAllowedError{id, "publish"}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	if c.frames == nil {
		// A frame leaves in one write where the client's buffer holds it whole; with the default
		// of 32 KB its last two bytes wait for a second one.
		frames := &framesConn{abortable: abortable{room: new(room)}}
		nc, err := c.dial("frames", nats.WriteBufferSize(2<<20), frames.option, frames.watch)
		if err != nil {
			return nil, fmt.Errorf("connect to NATS: %w", err)
		}
		frames.Conn = nc
		c.frames = frames
	}
	return &Publisher{
		nc: c.frames, subject: id.FrameSubject(), preview: id.PreviewSubject(), account: newAccount(id.StreamName()),
	}, nil
}

// MaxBytes is how large a frame's data may be on this server now; 0 while there is no connection.
func (p *Publisher) MaxBytes() int { return int(max(0, p.nc.limit.Load()-headerRoom)) }

// Room says whether a frame that is published now leaves at once. Where it does not, the way to the
// server is slower than what is sent on it, or broken: who publishes on would see every later frame
// come later. Wait some milliseconds, and publish what is the newest then. It is true while there is no
// connection, and where the system does not tell how much of what was sent has arrived.
func (p *Publisher) Room() bool { return p.nc.room.is(time.Now()) }

// Publish sends f, whose headers must be true (see frame.Frame), and does not wait for anybody to
// receive it. It may wait for the network for as long as a frame takes to leave: at most 10 s when
// the server has stopped reading, and half a second longer than ctx. The errors to expect are
// [ErrDisconnected] and [ErrTooLarge]; the frame is then not sent, and is not kept for later.
// Where f.Published is zero, the frame is sent with this moment in its place.
func (p *Publisher) Publish(ctx context.Context, f *frame.Frame) error {
	return p.publish(ctx, p.subject, f, false, "")
}

// PublishPreview is Publish for the small picture on cam.<id>.preview; it may be called from
// another goroutine. f has the numbers of the frame that it was made from.
func (p *Publisher) PublishPreview(ctx context.Context, f *frame.Frame) error {
	return p.publish(ctx, p.preview, f, false, "")
}

func (p *Publisher) publish(ctx context.Context, subject string, f *frame.Frame, stored bool, reply string) error {
	if p.nc.limit.Load() == 0 {
		return ErrDisconnected
	}
	defer p.nc.abortAfter(ctx)()
	sent := *f
	if sent.Published.IsZero() {
		sent.Published = time.Now()
	}
	err := p.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Header: sent.Header(stored), Data: f.Data})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("publish frame %d of camera %s, %d bytes: %w", f.Seq, f.Camera, len(f.Data), ErrTooLarge)
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionReconnecting):
		return ErrDisconnected
	}
	return fmt.Errorf("publish frame %d of camera %s: %w", f.Seq, f.Camera, err)
}
