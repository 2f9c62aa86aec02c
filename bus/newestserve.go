package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

const (
	// newestQueue is of which only one answers, where several brokers do.
	newestQueue = "newest"
	// newestAtOnce bounds how many requests are answered at a time, and newestWaiting how many more wait
	// in their turn: all viewers of a large place may ask in the moment after a restart. One beyond that
	// gets no answer.
	newestAtOnce  = 32
	newestWaiting = 16 << 10
	// newestLimit is how long the server may take for one.
	newestLimit = 5 * time.Second
	// noStream is what an answer says of a camera without a stream.
	noStream = "No Stream"
)

// ServeNewest answers requests for cameras' newest frames, cam.<id>.newest, until ctx is done: for
// whoever runs a server whose viewers have no right to its JetStream. This connection needs one. Answers
// go to inboxes only, because it is the asker who says where to. What it cannot do is logged.
//
// Of a camera of a site (see [StreamLimits].From), whose name site returns, "" for any other, it asks the site, and
// what is kept here only where that cannot be reached: a copy that catches up has old frames. site may be nil.
func (c *Conn) ServeNewest(ctx context.Context, site func(frame.CameraID) string) {
	if site == nil {
		site = func(frame.CameraID) string { return "" }
	}
	nc, err := c.dial("newest")
	if err != nil {
		c.log.Error("newest frames are given to nobody", "error", err)
		return
	}
	defer nc.Close() // safe twice
	requests := make(chan *nats.Msg, newestWaiting)
	if _, err := nc.ChanQueueSubscribe(frame.AllNewest, newestQueue, requests); err != nil {
		c.log.Error("newest frames are given to nobody", "error", err)
		return
	}
	var answering sync.WaitGroup
	defer answering.Wait()
	defer nc.Close() // so that nobody waits for an answer of the server
	for range newestAtOnce {
		answering.Go(func() {
			for {
				select {
				case m := <-requests:
					c.answerNewest(ctx, nc, m, site)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	<-ctx.Done()
}

func (c *Conn) answerNewest(ctx context.Context, nc *nats.Conn, m *nats.Msg, site func(frame.CameraID) string) {
	id, kind, err := frame.ParseSubject(m.Subject)
	if err != nil || kind != frame.KindNewest || !isInbox(m.Reply) {
		c.log.Debug("a request for a newest frame that cannot be answered", slog.String("subject", fmt.Sprintf("%.80q", m.Subject)))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, newestLimit)
	defer cancel()
	kept, err := newestAt(ctx, nc, id, site(id))
	answer := &nats.Msg{Subject: m.Reply}
	switch {
	case err == nil:
		answer.Header, answer.Data = kept.Header, kept.Data
	case errors.Is(err, nats.ErrNoResponders):
		answer.Header = nats.Header{"Status": {"404"}, "Description": {noStream}}
	default: // the asker waits no longer either
		return
	}
	_ = nc.PublishMsg(answer) // the asker asks again
}

// newestAt asks the site's server, where there is one, and else this one.
func newestAt(ctx context.Context, nc *nats.Conn, id frame.CameraID, site string) (*nats.Msg, error) {
	if site != "" {
		asking, cancel := context.WithTimeout(ctx, newestLimit/2)
		defer cancel()
		subject := auth.SiteAPI(site) + ".DIRECT.GET." + id.StreamName() + "." + id.FrameSubject()
		if kept, err := nc.RequestWithContext(asking, subject, nil); err == nil {
			return kept, nil
		}
	}
	return nc.RequestWithContext(ctx, directSubject(id), nil)
}
