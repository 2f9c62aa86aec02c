package web_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"image/png"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/recorder"
)

// recordedCamera is a test pattern whose frames the broker keeps on file: at first as many as it would
// have published in the time before, then one after the other. The number in each picture is the
// frame's, and the time in it the one it was captured at.
type recordedCamera struct {
	r      *pageRig
	id     frame.CameraID
	source source.Source
	out    *bus.Publisher
	epoch  string

	mu       sync.Mutex
	captured []time.Time // by number, from 1
	now      time.Time   // of the picture that is being made
}

const recordedEvery = 200 * time.Millisecond

// recorded publishes a camera that has been recorded for a time; frames for which skip is true were
// not sent.
func (r *pageRig) recorded(id frame.CameraID, before time.Duration, skip func(n int) bool) *recordedCamera {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &recordedCamera{r: r, id: id, epoch: frame.NewEpoch(), captured: []time.Time{{}}}
	// Much faster than the camera, to be soon done with the past.
	spec := source.Spec{Kind: "test", Width: 320, Height: 240, FPS: 500}
	var err error
	if c.source, err = source.OpenTest(ctx, spec, source.Env{Camera: string(id), Now: func() time.Time { return c.now }}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.conn.EnsureRecorded(ctx, id, bus.StreamLimits{Age: time.Hour, Bytes: 64 << 20, Replicas: 1}); err != nil {
		r.t.Fatal(err)
	}
	if c.out, err = r.conn.Publisher(id); err != nil {
		r.t.Fatal(err)
	}
	at := time.Now().Add(-before).Truncate(time.Microsecond)
	for n := 1; at.Before(time.Now()); n++ {
		c.publish(ctx, at, skip != nil && skip(n))
		at = at.Add(recordedEvery)
	}
	stop, err := r.conn.ServeCamera(ctx, id, "0.0.0", c.status, nil, map[string]bus.Verb{
		frame.VerbGet: func(context.Context, []byte) (bus.Reply, error) {
			return bus.JSONReply(frame.Detail{Status: c.status()})
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(recordedEvery)
		defer tick.Stop()
		for n := 0; ; n++ {
			if n%10 == 0 {
				_ = r.conn.PublishStatus(c.status()) // disconnected while the rig ends
			}
			select {
			case now := <-tick.C:
				c.publish(ctx, now.Truncate(time.Microsecond), false)
			case <-ctx.Done():
				return
			}
		}
	})
	r.t.Cleanup(func() {
		cancel()
		running.Wait()
		stop()
		_ = c.source.Close()
	})
	return c
}

func (c *recordedCamera) publish(ctx context.Context, at time.Time, skip bool) {
	c.now = at
	picture, err := c.source.Next(ctx)
	if err != nil {
		return // the end
	}
	c.mu.Lock()
	n := uint64(len(c.captured))
	c.captured = append(c.captured, at)
	c.mu.Unlock()
	if skip {
		return
	}
	for c.out.StoredStats().InFlight >= 8 && ctx.Err() == nil { // or it would not be asked to be stored
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
	_ = c.out.PublishStored(ctx, &frame.Frame{
		Camera: c.id, Epoch: c.epoch, Seq: n, Captured: at, Codec: frame.JPEG, Width: 320, Height: 240, Key: true, Data: picture.Data,
	})
}

func (c *recordedCamera) status() frame.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UTC()
	return frame.Status{
		ID: c.id, Epoch: c.epoch, State: frame.StateLive, Time: now, Since: now, Started: now, LastFrame: c.captured[len(c.captured)-1].UTC(),
		Host: "bench-1", Kind: "test", Source: "test:", Width: 320, Height: 240, FPS: 5, Sent: uint64(len(c.captured) - 1), Stream: "file",
	}
}

// at is when frame n was captured.
func (c *recordedCamera) at(n uint64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n >= uint64(len(c.captured)) {
		c.r.t.Fatalf("frame %d of camera %s: there are %d", n, c.id, len(c.captured)-1)
	}
	return c.captured[n]
}

// since is the first frame at or after a moment.
func (c *recordedCamera) since(moment time.Time) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 1
	for n < len(c.captured) && c.captured[n].Before(moment) {
		n++
	}
	return uint64(n)
}

// record runs a recorder of all recorded cameras until stop is called, which waits.
func (r *pageRig) record() (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	cfg := recorder.Config{Dir: r.t.TempDir(), Part: 200 * time.Millisecond, Segment: 15 * time.Second, MinFree: 1}
	go func() { ended <- recorder.Run(ctx, cfg, recorder.Deps{Bus: r.conn}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// shown is the number in the pixels of a picture on the page, and the one that the page says it has.
func (r *pageRig) shown(selector string) (pixels, said uint64) {
	r.t.Helper()
	text := eval[string](r, `((s) => (s.dataset.seq ?? 0) + " " + s.querySelector("canvas").toDataURL("image/png"))(document.querySelector(`+quote(selector+" .screen")+`))`)
	seq, url, _ := strings.Cut(text, " ")
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(url, "data:image/png;base64,"))
	if err != nil {
		r.t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		r.t.Fatal(err)
	}
	n, ok := source.ReadTestNumber(picture)
	if !ok {
		r.t.Fatalf("no number reads in the picture of %s", selector)
	}
	for _, digit := range seq {
		said = said*10 + uint64(digit-'0')
	}
	return uint64(n), said
}
