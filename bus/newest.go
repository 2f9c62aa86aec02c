package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// Newest returns the newest frame that the server keeps of the camera. Its error is
// [ErrNoPicture] where there is none.
func (c *Conn) Newest(ctx context.Context, id frame.CameraID) (frame.Frame, error) {
	watched, stop := c.refused.watch(ctx, c.newest.subject(id))
	defer stop()
	f, err := c.newest.ask(watched, c.control, id)
	if err != nil && refusalOf(watched) != nil {
		return f, fmt.Errorf("%w: %w", ErrNoPicture, &notAllowedError{id, "watch"})
	}
	if err == nil {
		if f, err = c.opener.Open(f); err != nil {
			err = fmt.Errorf("newest frame of camera %s: %w", id, err)
		}
	}
	return f, err
}

// errEmpty is an ErrNoPicture of a stream that is there.
var errEmpty = fmt.Errorf("%w so far", ErrNoPicture)

// newestAsker asks for the newest frames that a server keeps. Who may ask the server's JetStream itself
// does so: a direct get, answered by any replica, without a consumer. But the server sends the answer
// wherever the asker says, to subjects too to which the asker may not publish. So users who only watch
// have not got that right, and ask cam.<id>.newest, which the broker's own process answers (see
// [Conn.ServeNewest]); on a server where nobody does, they try a direct get.
type newestAsker struct {
	refused *denials
	// served: the broker's process is asked first.
	served bool

	mu        sync.Mutex
	refusedAt time.Time // when the server last refused a direct get instead
}

func newNewestAsker(o Options, refused *denials) *newestAsker {
	served := o.Credentials != nil
	if served {
		switch o.Credentials.Role {
		case auth.Admin, auth.Publisher, auth.Recorder:
			served = false
		}
	}
	return &newestAsker{refused: refused, served: served}
}

// directAgain is how often a direct get is tried again of which the server has refused one.
const directAgain = time.Minute

// directSubject is what a server's JetStream is asked for the last message of the camera's subject. The
// right to this one subject gives no other camera away.
func directSubject(id frame.CameraID) string {
	return "$JS.API.DIRECT.GET." + id.StreamName() + "." + id.FrameSubject()
}

// subject is what is asked first, for which a right is needed.
func (n *newestAsker) subject(id frame.CameraID) string {
	if n.served {
		return id.NewestSubject()
	}
	return directSubject(id)
}

// ask returns the newest frame that the server keeps.
func (n *newestAsker) ask(ctx context.Context, nc *nats.Conn, id frame.CameraID) (frame.Frame, error) {
	msg, err := nc.RequestWithContext(ctx, n.subject(id), nil)
	if errors.Is(err, nats.ErrNoResponders) && n.served {
		msg, err = n.askDirect(ctx, nc, id)
	}
	if err != nil {
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrPermissionViolation) {
			return frame.Frame{}, fmt.Errorf("newest frame of camera %s: %w", id, ErrNoPicture)
		}
		return frame.Frame{}, fmt.Errorf("newest frame of camera %s: %w", id, err)
	}
	switch status, description := msg.Header.Get("Status"), msg.Header.Get("Description"); {
	case status == "404" && description == noStream:
		return frame.Frame{}, fmt.Errorf("newest frame of camera %s: %w", id, ErrNoPicture)
	case status == "404":
		return frame.Frame{}, fmt.Errorf("newest frame of camera %s: %w", id, errEmpty)
	case status != "":
		return frame.Frame{}, fmt.Errorf("newest frame of camera %s: server answers %.40q", id, status+" "+description)
	}
	f, err := frame.Decode(id.FrameSubject(), msg.Header, msg.Data, frame.Limits{})
	if err != nil {
		return frame.Frame{}, fmt.Errorf("newest frame of camera %s: %w", id, err)
	}
	return f, nil
}

// askDirect asks JetStream in place of a broker's process that does not answer.
func (n *newestAsker) askDirect(ctx context.Context, nc *nats.Conn, id frame.CameraID) (*nats.Msg, error) {
	n.mu.Lock()
	lately := time.Since(n.refusedAt) < directAgain
	n.mu.Unlock()
	if lately {
		return nil, nats.ErrNoResponders
	}
	watched, stop := n.refused.watch(ctx, directSubject(id))
	defer stop()
	msg, err := nc.RequestWithContext(watched, directSubject(id), nil)
	if err != nil && refusalOf(watched) != nil {
		n.mu.Lock()
		n.refusedAt = time.Now()
		n.mu.Unlock()
		return nil, nats.ErrNoResponders
	}
	return msg, err
}
