//go:build opencv

package opencv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gocv.io/x/gocv"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// device is a native capture that has been opened and set up, and how to read it.
type device struct {
	native *gocv.VideoCapture
	info   source.Info // Width and Height are taken from the first picture
	// captured tells when the picture that was read last was taken. nil: when it arrived. A warning
	// that is not empty is added to the source's, once.
	captured func(*gocv.VideoCapture) (at time.Time, warning string)
	// pace waits until the picture that was read last is due, or for stop. nil: the device paces itself.
	pace func(native *gocv.VideoCapture, stop <-chan struct{})
	// again opens the source anew at its end. nil: a failed read is the end.
	again func() (*gocv.VideoCapture, error)
	// ended is what a failed read means after the first picture: io.EOF, or what went wrong.
	ended error
}

// raw is one picture between capture and Next: a decoded one, or the camera's own JPEG.
type raw struct {
	mat  *gocv.Mat
	jpeg []byte
	at   time.Time
}

// capture is an open source. Its goroutine runs from newCapture to Close.
type capture struct {
	name string // in errors; no credentials
	env  source.Env

	slot    *source.Slot[raw]
	quality atomic.Int32   // of what is encoded here
	free    chan *gocv.Mat // pictures that nobody uses; there are three: being read, in the slot, being encoded

	stop     chan struct{} // closed by Close
	stopOnce sync.Once
	opened   chan error    // told once: nil with the first picture, or why there is none
	done     chan struct{} // closed when the native side is released

	encoding sync.Mutex // held by Next while it uses a picture
	released bool       // the pictures' memory is gone; guarded by encoding

	mu   sync.Mutex
	info source.Info
}

// closeWait bounds how long Close waits for a native call to return.
const closeWait = time.Second

// newCapture opens a native capture and waits for its first picture, so that what it says about
// itself is known to be true. open runs on the source's goroutine and may block.
func newCapture(ctx context.Context, name string, env source.Env, open func() (device, error)) (source.Source, error) {
	c := &capture{
		name: name, env: env, slot: source.NewSlot[raw](), free: make(chan *gocv.Mat, 3),
		stop: make(chan struct{}), opened: make(chan error, 1), done: make(chan struct{}),
	}
	c.SetQuality(env.Quality)
	go c.run(open)

	timer := time.NewTimer(env.OpenTimeout)
	defer timer.Stop()
	var err error
	select {
	case err = <-c.opened:
	case <-timer.C:
		err = fmt.Errorf("%s: no picture within %v of opening it", name, env.OpenTimeout)
	case <-ctx.Done():
		err = fmt.Errorf("%s: %w", name, ctx.Err())
	}
	if err == nil {
		return c, nil
	}
	// The goroutine is told to end and does so as soon as native code lets it.
	c.end()
	return nil, err
}

func (c *capture) run(open func() (device, error)) {
	defer close(c.done)
	defer undisturbed()()
	mats := make([]gocv.Mat, cap(c.free))
	for i := range mats {
		mats[i] = gocv.NewMat()
		c.free <- &mats[i]
	}
	dev, err := open()
	if err == nil {
		err = c.read(&dev)
	}
	if dev.native != nil {
		_ = dev.native.Close() // never fails
	}
	select {
	case c.opened <- err: // before the first picture
	default:
	}
	c.slot.Close(err)

	// The last picture may still be in the slot or in Next.
	<-c.stop
	c.encoding.Lock()
	defer c.encoding.Unlock()
	c.released = true
	for i := range mats {
		_ = mats[i].Close() // fails only where it was closed before
	}
}

// read puts pictures into the slot until the capture ends, and returns why it did.
func (c *capture) read(dev *device) error {
	mat := <-c.free
	for first := true; ; {
		if !dev.native.Read(mat) {
			select {
			case <-c.stop:
				return source.ErrClosed
			default:
			}
			if first {
				return fmt.Errorf("%s: opened, but it delivers no picture", c.name)
			}
			if dev.again == nil {
				return dev.ended
			}
			if err := c.reopen(dev); err != nil {
				return err
			}
			// A file whose second opening yields nothing must not spin.
			if !dev.native.Read(mat) {
				return fmt.Errorf("%s: began again and found no picture", c.name)
			}
		}
		r := raw{mat: mat, at: c.env.Now()}
		warning := ""
		if dev.captured != nil {
			r.at, warning = dev.captured(dev.native)
		}
		if dev.pace != nil {
			dev.pace(dev.native, c.stop)
			r.at = c.env.Now()
		}
		select {
		case <-c.stop:
			return source.ErrClosed
		default:
		}
		if !c.prepare(&r, dev.info.Untouched) {
			c.env.Dropped(source.DropInvalid, 1)
			continue
		}
		if first {
			c.setInfo(dev.info, &r)
		}
		c.note(&r, warning)
		if first { // only now does Info say what is true
			first = false
			c.opened <- nil
		}
		if mat = c.hand(r); mat == nil {
			return source.ErrClosed
		}
	}
}

func (c *capture) reopen(dev *device) error {
	_ = dev.native.Close() // never fails
	dev.native = nil
	native, err := dev.again()
	if err != nil {
		return err
	}
	dev.native = native
	return nil
}

// prepare checks what was read, and takes the camera's own JPEG out of native memory, which the next
// read writes to again. It says whether there is a picture.
func (c *capture) prepare(r *raw, untouched bool) bool {
	if r.mat.Empty() {
		return false
	}
	if !untouched {
		return true
	}
	data, err := r.mat.DataPtrUint8()
	if err != nil || len(data) < 2 || data[0] != 0xFF || data[1] != 0xD8 || len(data) > c.env.MaxBytes {
		return false
	}
	r.jpeg = slices.Clone(data)
	return true
}

// hand puts a picture into the slot and returns memory for the next one; nil once the source is closed.
func (c *capture) hand(r raw) *gocv.Mat {
	next, reason := r.mat, source.DropNetwork
	if r.jpeg != nil {
		r.mat = nil // copied out, so the same memory can be read into
	} else {
		next, reason = nil, source.DropEncode
	}
	dropped, was := c.slot.Put(r)
	select {
	case <-c.stop:
		return nil
	default:
	}
	if was {
		c.env.Dropped(reason, 1)
		if next == nil {
			next = dropped.mat
		}
	}
	if next != nil {
		return next
	}
	select {
	case next = <-c.free:
	case <-c.stop:
	}
	return next
}

func (c *capture) setInfo(info source.Info, r *raw) {
	if r.jpeg != nil {
		// The picture may lack Huffman tables or be padded: its publisher completes it. Here only
		// its size is of interest.
		if _, found, err := frame.CompleteJPEG(r.jpeg, frame.Limits{Bytes: c.env.MaxBytes}); err == nil {
			info.Width, info.Height = found.Width, found.Height
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info = info
}

// note keeps Info true: a decoded picture tells its size, and a warning may come late.
func (c *capture) note(r *raw, warning string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.jpeg == nil {
		c.info.Width, c.info.Height = r.mat.Cols(), r.mat.Rows()
	}
	if warning != "" && !slices.Contains(c.info.Warnings, warning) {
		c.info.Warnings = append(slices.Clone(c.info.Warnings), warning)
	}
}

// Next implements [source.Source].
func (c *capture) Next(ctx context.Context) (source.Picture, error) {
	wait, cancel := context.WithTimeout(ctx, c.env.ReadTimeout)
	defer cancel()
	r, err := c.slot.Take(wait)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return source.Picture{}, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return source.Picture{}, fmt.Errorf("%s: no picture for %v", c.name, c.env.ReadTimeout)
	default:
		return source.Picture{}, err
	}
	if r.jpeg != nil {
		return source.Picture{Data: r.jpeg, Captured: r.at}, nil
	}
	c.encoding.Lock()
	defer c.encoding.Unlock()
	if c.released {
		return source.Picture{}, source.ErrClosed
	}
	data, err := encodeJPEG(*r.mat, int(c.quality.Load()))
	c.free <- r.mat // there is room for all three
	if err != nil {
		return source.Picture{}, fmt.Errorf("%s: %w", c.name, err)
	}
	return source.Picture{Data: data, Captured: r.at}, nil
}

// SetQuality implements [source.Tunable].
func (c *capture) SetQuality(quality int) { c.quality.Store(int32(quality)) }

// SetRate implements [source.Tunable]: a file and a stream have a rate of their own, and a device is
// told when it is opened.
func (c *capture) SetRate(float64) {}

// Info implements [source.Source].
func (c *capture) Info() source.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info
}

func (c *capture) end() {
	c.stopOnce.Do(func() { close(c.stop) })
	c.slot.Close(source.ErrClosed)
}

// Close implements [source.Source]. A native call that does not return within a second keeps the
// device until it does; Close then says so instead of waiting.
func (c *capture) Close() error {
	c.end()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-c.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: still inside a native call that does not return; the device is free when it does", c.name)
	}
}
