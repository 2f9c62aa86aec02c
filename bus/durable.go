package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// DefaultDurable is the name of a recorder's durable consumer.
const DefaultDurable = auth.DefaultDurable

// The defaults of [DurableOptions].
const (
	DefaultAckWait       = time.Minute
	DefaultMaxAckPending = 1024
	// DefaultPullBytes holds the largest message that the broker takes by default, 8 MiB, and is less
	// than the 12 MiB at which it begins to skip a client.
	DefaultPullBytes = 9 << 20
)

// DurableOptions say where a [Durable] begins. The zero value takes everything that the stream has
// and this consumer has not acknowledged.
type DurableOptions struct {
	// Name of the consumer, a [frame.ValidName]. Two who receive the same camera need two names. Default:
	// see [Conn.DurableName].
	Name string
	// After is the number in the stream of the last frame that the caller has safe; 0: none. It
	// counts where the consumer is missing, or says that more is acknowledged than the caller has.
	After uint64
	// Again says that After holds where it is 0 too: the caller has lost what was acknowledged. Without it,
	// who has nothing begins after what is acknowledged.
	Again bool
	// Has says whether the caller has that frame, by the camera's own epoch and number. Frames that
	// it has are acknowledged and not delivered again, also where the stream's numbers say nothing
	// any more because it was made anew. stored is the frame's number in the stream, 0 once that says nothing.
	// It is called from another goroutine. nil: it has none.
	Has func(epoch string, seq, stored uint64) bool
	// AckWait is after how long without an acknowledgement the server delivers a frame again, for a
	// consumer that is made here. Default 1 minute; it is no limit for the caller.
	AckWait time.Duration
	// MaxAckPending is how many frames may be delivered and not acknowledged, for a consumer that is
	// made here. Default 1024. Acknowledge well before.
	MaxAckPending int
	// PullBytes is how much may be under way and wait here, in two requests. Default 9 MiB. Where a
	// message is larger than half of it, it is one request, which grows as far as it must.
	PullBytes int
}

// errDurableName says what a consumer may be called.
var errDurableName = errors.New(frame.NameRule)

// DurableName is what this user's consumers are called where nothing else is said: what the credentials
// say, or [DefaultDurable].
func (c *Conn) DurableName() string { return c.durable }

// Stored is one message of a camera's stream.
type Stored struct {
	// Number in the stream. It grows by one from message to message, but for Skipped and Restarted.
	Number uint64
	// At is when the broker stored it, by the broker's clock.
	At time.Time
	// Frame, unless Rejected says why the message is none; then Header and Data are what was stored.
	// An invalid one is delivered too, because it must be acknowledged like the others.
	Frame    frame.Frame
	Rejected *frame.RejectError
	Header   map[string][]string
	Data     []byte
	// Skipped is how many messages right before this one the stream has dropped, by its limits or by
	// damage, before they were delivered here.
	Skipped uint64
	// Restarted: the numbers begin anew with this message, because the stream was made anew, or is an
	// older copy of itself.
	Restarted bool
	// Pending is how many messages the stream has after this one.
	Pending uint64

	reply      string
	order      uint64 // how many were handed over up to this one
	generation uint64 // of the consumer
}

// DurableState is how a [Durable] is.
type DurableState struct {
	// Ready: frames come as soon as there are any. Otherwise Reason says in one line why not. Absent
	// says that there is nothing to receive yet: no stream, or one that keeps only the newest frame.
	Ready  bool
	Absent bool
	Reason string
	// Pending is how many messages the stream had that were not delivered here, as far as known.
	Pending uint64
	// Limits are the stream's; nil where they are not known.
	Limits *KeptLimits
	// Duplicates and Lost count messages that came a second time, and those that the stream had
	// dropped before they were delivered.
	Duplicates, Lost uint64
}

// KeptLimits are how long and how much a stream keeps; 0: there is no such limit.
type KeptLimits struct {
	Age   time.Duration
	Bytes int64
	// Mean is what a message of the stream took on the average when it was last looked at, in bytes.
	Mean int64
}

// Durable receives everything that a camera's stream holds, in order, nothing twice and nothing
// skipped, for as long as it takes: across restarts of the server, of the caller, and of the way
// between. What is delivered is kept by the stream until its limits are reached; what is not
// acknowledged comes again when the caller comes again.
type Durable struct {
	id      frame.CameraID
	o       DurableOptions
	log     *slog.Logger
	nc      *framesConn
	js      jetstream.JetStream
	out     chan Stored
	cancel  context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	forget  func() // by the Conn
	refused denials

	mu            sync.Mutex
	state         DurableState
	handed, acked uint64 // how many messages the caller was given, and up to which of them it has acknowledged

	// generation changes when the consumer is made anew: what was delivered before cannot be
	// acknowledged, as its numbers are those of other messages now. It is held while an
	// acknowledgement is on its way out.
	acking     sync.Mutex
	generation uint64

	position // the run loop's own
}

// Durable returns the camera's frames from its durable consumer, which is made where it is missing
// and the user may. It does not wait: a server that is not there, a stream that is not there, a
// right that is missing are tried again for ever and told by State and in the log, there each once a
// minute at most. Its errors are wrong options. Each Durable has a connection of its own, so that what
// queues for one camera holds up no other. Close it after use.
func (c *Conn) Durable(id frame.CameraID, o DurableOptions) (*Durable, error) {
	if _, err := frame.ParseCameraID(string(id)); err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = c.DurableName()
	}
	if !frame.ValidName(o.Name) {
		return nil, fmt.Errorf("name of a durable consumer %.40q: %w", o.Name, errDurableName)
	}
	if o.AckWait <= 0 {
		o.AckWait = DefaultAckWait
	}
	if o.MaxAckPending <= 0 {
		o.MaxAckPending = DefaultMaxAckPending
	}
	if o.PullBytes <= 0 {
		o.PullBytes = DefaultPullBytes
	}
	d := &Durable{
		id: id, o: o, log: c.log.With("camera", id, "durable", o.Name), nc: new(framesConn), out: make(chan Stored),
		position: position{last: o.After, safe: o.After, pullBytes: o.PullBytes / 2, told: make(told)},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, ErrClosed
	}
	nc, err := c.dial("stored-"+string(id), d.nc.option, d.refused.option)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	d.nc.Conn = nc
	if d.js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("stored frames of camera %s: %w", id, err)
	}
	if c.durables == nil {
		c.durables = make(map[*Durable]struct{})
	}
	c.durables[d] = struct{}{}
	d.forget = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.durables, d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.running.Go(func() {
		defer close(d.out)
		d.run(ctx)
	})
	return d, nil
}

// Frames is where the messages come, one at a time; what the caller does not take waits in the
// server. It is closed by Close.
func (d *Durable) Frames() <-chan Stored { return d.out }

// Ack tells the server that s, and all that came before it, are safe with the caller. It does not
// wait for the server: one that is lost makes frames come again at the next start, which
// DurableOptions.Has is for. Its error is [ErrDisconnected], and can be left to the next Ack.
func (d *Durable) Ack(ctx context.Context, s Stored) error {
	defer d.nc.abortAfter(ctx)()
	if s.reply != "" { // it came from the consumer
		if err := d.acknowledge(s); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acked = max(d.acked, s.order)
	return nil
}

func (d *Durable) acknowledge(s Stored) error {
	d.acking.Lock()
	defer d.acking.Unlock()
	if s.generation != d.generation {
		return nil
	}
	if err := d.nc.Publish(s.reply, []byte("+ACK")); err != nil {
		return ErrDisconnected
	}
	return nil
}

// Receipt is s without its content, for an Ack later on.
func (s Stored) Receipt() Stored {
	return Stored{Number: s.Number, At: s.At, reply: s.reply, order: s.order, generation: s.generation}
}

// State says how d is.
func (d *Durable) State() DurableState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// Close ends the receiving, sends what was acknowledged, and waits for both, half a second at the
// most for a server that has stopped reading. The consumer stays in the server. It is safe twice.
func (d *Durable) Close() error {
	d.closing.Do(func() {
		stuck := time.AfterFunc(abortGrace, d.nc.abort)
		defer stuck.Stop()
		d.cancel()
		d.running.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), abortGrace)
		defer cancel()
		if d.nc.IsConnected() {
			_ = d.nc.FlushWithContext(ctx) // acknowledgements that are lost only cost duplicates
		}
		d.nc.Close()
		d.forget()
	})
	return nil
}
