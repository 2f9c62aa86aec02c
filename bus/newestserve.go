package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

const (
	// newestQueue is of which only one answers, where several brokers do.
	newestQueue = "newest"
	// newestAtOnce bounds how many requests are answered at a time; more wait in their turn.
	newestAtOnce = 32
	// newestLimit is how long the server may take for one.
	newestLimit = 5 * time.Second
	// noStream is what an answer says of a camera without a stream.
	noStream = "No Stream"
)

// ServeNewest answers requests for cameras' newest frames, cam.<id>.newest, until ctx is done: for
// whoever runs a server whose viewers have no right to its JetStream. This connection needs one. Answers
// go to inboxes only, because it is the asker who says where to. What it cannot do is logged.
func (c *Conn) ServeNewest(ctx context.Context) {
	nc, err := c.dial("newest")
	if err != nil {
		c.log.Error("newest frames are given to nobody", "error", err)
		return
	}
	defer nc.Close() // safe twice
	requests := make(chan *nats.Msg, newestAtOnce)
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
					c.answerNewest(ctx, nc, m)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	<-ctx.Done()
}

func (c *Conn) answerNewest(ctx context.Context, nc *nats.Conn, m *nats.Msg) {
	id, kind, err := frame.ParseSubject(m.Subject)
	if err != nil || kind != frame.KindNewest || !isInbox(m.Reply) {
		c.log.Debug("a request for a newest frame that cannot be answered", slog.String("subject", fmt.Sprintf("%.80q", m.Subject)))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, newestLimit)
	defer cancel()
	kept, err := nc.RequestWithContext(ctx, directSubject(id), nil)
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
