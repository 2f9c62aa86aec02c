// Package bus carries frames over NATS: it connects, publishes a camera's frames, and receives
// those of others, the newest first and nothing late. It is for everybody who wants pictures from
// a lensbus or puts them there, in lensbus and outside.
//
// It moves encoded pictures and never looks into one beyond its markers. Cameras and their lives,
// windows, pages and files do not belong here.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// Errors that callers decide on.
var (
	// ErrDisconnected: there is no connection to the server now. Normal while it restarts.
	ErrDisconnected = errors.New("not connected to the NATS server")
	// ErrTooLarge: the frame does not fit the server's max_payload.
	ErrTooLarge = errors.New("frame larger than the server's max_payload")
	// ErrNoPicture: the server keeps no picture of that camera: it has not published yet, or the
	// server has no JetStream, or this user may not ask.
	ErrNoPicture = errors.New("no picture kept by the server")
	// ErrNotAllowed: this user's credentials do not allow that; the error says what.
	ErrNotAllowed = errors.New("these credentials do not allow that")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("closed")
)

// Options say which server to connect to and how. The zero value connects to where the user's
// NATS environment points (see [Options.Server]), or to nats://127.0.0.1:4222.
type Options struct {
	// Server is one URL or several with commas between. Where it and Context are empty, the
	// variables NATS_URL and NATS_CONTEXT and the user's selected NATS context are looked at, in
	// that order.
	Server string
	// Context is the name of a NATS context (`nats context ls`), or the path of a context file.
	Context string
	// Credentials say who connects, and how the server is known; they name a server too, for where
	// Server is empty. nil: nobody in particular, or whom the NATS environment says. Where they have a JWT
	// and are from a file, that is read again with every attempt to connect.
	Credentials *auth.Credentials
	// Name is shown in the server's list of connections. Default "lensbus".
	Name string
	// Quit, when it is closed, ends attempts to connect, the one under way and every later one: a
	// program that ends closes it, so as not to wait for a server that does not answer. Connections
	// that stand are left alone. nil: never.
	Quit <-chan struct{}
	// InProcess connects to a server in this process without TCP; Server and Context are unused.
	InProcess nats.InProcessConnProvider
	// Opener opens frames that come sealed, and says which must: package seal has one. With nil, sealed
	// frames are counted and dropped, or an error that says so. What is recorded ([Conn.Durable],
	// [Conn.History]) is never opened.
	Opener Opener
	// Log gets connects, disconnects and permission errors; nil discards.
	Log *slog.Logger
	// NATS are further options, applied last.
	NATS []nats.Option
}

// Conn is a connection to a lensbus: one NATS connection for control and status, and on demand one
// that publishes frames, one that receives them and one for recorded ones, so that neither pictures
// nor a slow link delay control. Up to seven more receive what comes to the server on a slow way. It
// reconnects for ever. Its methods may be used from any goroutine.
type Conn struct {
	dial    func(purpose string, more ...nats.Option) (*nats.Conn, error)
	log     *slog.Logger
	opener  Opener
	scope   []frame.CameraID // that this user has rights to; nil: all, or not known
	durable string           // name of this user's consumers
	narrow  atomic.Bool      // this user may not ask all services at once
	metrics *metrics
	refused denials // of all connections
	newest  *newestAsker
	control *nats.Conn

	mu     sync.Mutex
	frames *framesConn // publishes frames; nil until the first Publisher
	links  *links      // receive frames; nil until the first Live
	// recordings carries what is recorded, either way; nil until that is asked for or served.
	recordings *framesConn
	closed     bool
	durables   map[*Durable]struct{} // that are not closed

	recorders recorders
	clocks    sync.Map // frame.CameraID → *clock
	provision sync.Map // frame.CameraID → chan struct{}: who holds its place may make or replace the stream
}

// Connect returns a connection. It does not wait for the server: one that is not there yet is
// logged and tried for ever (see [Conn.WaitConnected]). Its errors are wrong options: an URL that
// is none, an unknown context, a credentials file that cannot be read. Close it after use.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" {
		o.Name = "lensbus"
	}
	if o.Opener == nil {
		o.Opener = noOpener{}
	}
	dial, err := o.dialer()
	if err != nil {
		return nil, err
	}
	c := &Conn{log: o.Log, opener: o.Opener, scope: o.scope(), durable: o.durable(), metrics: newMetrics()}
	c.newest = newNewestAsker(o, &c.refused)
	c.narrow.Store(o.Credentials != nil && o.Credentials.Role != auth.Admin)
	c.dial = func(purpose string, more ...nats.Option) (*nats.Conn, error) {
		return dial(purpose, append(slices.Clone(more), c.metrics.watch(purpose), c.refused.option)...)
	}
	if c.control, err = c.dial("control"); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// NATS is the control connection, for requests and services. It belongs to c.
func (c *Conn) NATS() *nats.Conn { return c.control }

// WaitConnected waits until the server has answered. Its error says why it has not: an [*EntryError]
// where it has, and does not let this user in.
func (c *Conn) WaitConnected(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !c.control.IsConnected() {
		select {
		case <-ctx.Done():
			if last := c.control.LastError(); last != nil {
				return fmt.Errorf("no NATS server: %w", Explain(last))
			}
			return fmt.Errorf("no NATS server: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// Refusal says why the server does not let this user in; nil while it does, or does not answer.
func (c *Conn) Refusal() error {
	refused := new(EntryError)
	if c.control.IsConnected() || !errors.As(Explain(c.control.LastError()), &refused) {
		return nil
	}
	return refused
}

// Close ends everything that was made from c and waits for it. It is safe twice.
func (c *Conn) Close() error {
	c.mu.Lock()
	frames, links, recordings, was := c.frames, c.links, c.recordings, c.closed
	c.closed = true
	durables := slices.Collect(maps.Keys(c.durables))
	c.mu.Unlock()
	if was {
		return nil
	}
	var ending sync.WaitGroup
	for _, d := range durables {
		ending.Go(func() { _ = d.Close() }) // has no error
	}
	ending.Wait()
	if links != nil {
		links.close()
	}
	if frames != nil {
		frames.closeInTime()
	}
	if recordings != nil {
		recordings.closeInTime()
	}
	c.control.Close()
	return nil
}

// baseOptions make a client that never gives up and never plays old pictures again.
func baseOptions(name string, log *slog.Logger) []nats.Option {
	repeated := new(repetitions)
	return []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1), // a frame that could not be sent is stale: it is counted and dropped
		nats.CustomReconnectDelay(reconnectDelay),
		nats.Timeout(2 * time.Second),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(10 * time.Second), // a write to a frozen server ends
		nats.NoCallbacksAfterClientClose(),
		nats.ConnectHandler(func(nc *nats.Conn) { log.Debug("connected", "connection", name, "server", nc.ConnectedUrlRedacted()) }),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("connected again", "connection", name, "server", nc.ConnectedUrlRedacted())
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("connection lost", "connection", name, "error", Explain(err))
			}
		}),
		nats.ReconnectErrHandler(reconnectLogger(name, log)),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if err = Explain(err); repeated.is(err.Error()) {
				return
			}
			if sub != nil {
				log.Warn("NATS", "connection", name, "subject", sub.Subject, "error", err)
				return
			}
			log.Warn("NATS", "connection", name, "error", err)
		}),
	}
}

// repetitions leave out what was said in the last minute: a server may refuse every frame.
type repetitions struct {
	mu   sync.Mutex
	said map[string]time.Time
}

func (r *repetitions) is(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if at, ok := r.said[text]; ok && now.Sub(at) < time.Minute {
		return true
	}
	if r.said == nil || len(r.said) >= 64 {
		r.said = make(map[string]time.Time)
	}
	r.said[text] = now
	return false
}

// reconnectDelay is at most 1.2 s, so that everybody is back within 3 s of the server, and random,
// so that they do not come all at once.
func reconnectDelay(attempt int) time.Duration {
	delay := min(50*time.Millisecond<<min(attempt, 5), 1200*time.Millisecond)
	return delay/2 + rand.N(delay/2)
}

// reconnectLogger says the first failed attempt and then one a minute.
func reconnectLogger(name string, log *slog.Logger) nats.ConnErrHandler {
	var mu sync.Mutex
	var last time.Time
	return func(nc *nats.Conn, err error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < time.Minute {
			return
		}
		last = time.Now()
		if refused := new(EntryError); errors.As(Explain(err), &refused) {
			log.Error("the NATS server does not let this program in, trying on", "connection", name, "error", refused)
			return
		}
		log.Warn("no NATS server, trying on", "connection", name, "error", err)
	}
}
