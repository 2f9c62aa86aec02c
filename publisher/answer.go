package publisher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// errReleased ends a camera that another publisher has asked for.
var errReleased = errors.New("another publisher has taken it over")

// answer serves the camera's requests until the function that it returns is called.
func (c *camera) answer(ctx context.Context, end context.CancelCauseFunc) (stop func(), err error) {
	return c.bus.ServeCamera(ctx, c.id, c.version, c.status, c.now, map[string]bus.Verb{
		frame.VerbGet:      func(context.Context, []byte) (bus.Reply, error) { return bus.JSONReply(c.detail()) },
		frame.VerbSet:      c.set,
		frame.VerbSnapshot: c.snapshot,
		frame.VerbWatch:    c.watch,
		frame.VerbRelease: func(_ context.Context, request []byte) (bus.Reply, error) {
			var r frame.ReleaseRequest
			if err := decode(request, &r); err != nil {
				return bus.Reply{}, err
			}
			if r.Epoch != c.state.epoch() {
				return bus.Reply{}, refuse(404, "no epoch %.40q here", r.Epoch)
			}
			end(errReleased)
			return bus.Reply{}, nil
		},
	})
}

func refuse(code int, format string, args ...any) error {
	return &bus.ControlError{Code: code, Text: fmt.Sprintf(format, args...)}
}

// decode reads a request strictly: a field that is not known is a mistake that the asker hears of.
func decode(request []byte, into any) error {
	if len(bytes.TrimSpace(request)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(request))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return refuse(400, "the request: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return refuse(400, "the request: more than one JSON value")
	}
	return nil
}

// status is the camera's status with its watchers and the rate that is asked for now.
func (c *camera) status() frame.Status {
	s := c.state.status()
	s.FPSAsked = c.tuning.settings().FPS
	s.Watchers, _ = c.leases.watchers(time.Now())
	c.addStored(&s)
	return s
}

func (c *camera) detail() frame.Detail {
	d := frame.Detail{Status: c.status(), Settings: c.tuning.settings(), Controls: []frame.Control{}, Sizes: []frame.Size{}}
	d.Saved = c.tuning.saved()
	// What cannot be read is not offered: the camera may be unplugged now.
	if controls, err := c.device.Controls(); err == nil && controls != nil {
		d.Controls = controls
	}
	if sizes, err := c.device.Sizes(); err == nil && sizes != nil {
		d.Sizes = sizes
	}
	return d
}

// set changes the camera. Either all that is asked holds in the end, or the answer says why not and
// nothing has changed.
func (c *camera) set(ctx context.Context, request []byte) (bus.Reply, error) {
	var change frame.Change
	if err := decode(request, &change); err != nil {
		return bus.Reply{}, err
	}
	c.tuning.changing.Lock()
	defer c.tuning.changing.Unlock()
	if change.Save && change.Forget {
		return bus.Reply{}, refuse(400, "save and forget: one or the other")
	}
	if change.Save && c.stateDir == "" {
		return bus.Reply{}, refuse(409, "this publisher keeps no settings: start it with --state DIR")
	}
	before := c.tuning.current()
	from := before
	if change.Forget { // as configured, but for what is asked besides
		from = frame.Settings{}
	}
	to, err := changed(from, change, c.spec.Kind)
	if err != nil {
		return bus.Reply{}, refuse(400, "%v", err)
	}
	state := c.state.status().State
	// What was saved may be why the camera cannot be opened.
	closed := state == frame.StateIdle || change.Forget && state == frame.StateLost
	if resized := to.Width != before.Width || to.Height != before.Height; closed && resized && to.Width > 0 && !c.device.TakesSize(to.Width, to.Height) {
		return bus.Reply{}, refuse(409, "the camera does not have %dx%d%s", to.Width, to.Height, c.offers())
	}
	undo, err := c.setControls(change.Controls)
	if err != nil {
		return bus.Reply{}, err
	}
	// Before the source is opened again, which sets what is kept.
	unkeep := c.tuning.keep(c.lasting(change.Controls), change.Forget)
	if closed {
		c.tuning.adopt(to)
	} else if err := c.tuning.apply(ctx, to); err != nil {
		unkeep()
		undo()
		return bus.Reply{}, refuse(409, "%v%s", c.spec.ScrubError(err), c.offers())
	} else if to.Width != before.Width || to.Height != before.Height {
		c.awaitSize(ctx, c.tuning.settings())
	}
	switch {
	case change.Save:
		if err := c.tuning.save(c.stateDir, c.id); err != nil {
			return bus.Reply{}, refuse(500, "changed, but not saved: %v", err)
		}
	case change.Forget:
		if err := c.tuning.forget(c.stateDir, c.id); err != nil {
			return bus.Reply{}, refuse(500, "changed, but not forgotten: %v", err)
		}
	}
	c.log.Info("settings changed", "settings", to, "controls", change.Controls, "saved", change.Save, "forgotten", change.Forget)
	return bus.JSONReply(c.detail())
}

// awaitSize waits for a frame of the size that was asked for, so that the answer tells of it. The
// source delivers it already: this is the way of one picture, and is not waited for long.
func (c *camera) awaitSize(ctx context.Context, to frame.Settings) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for to.Width > 0 {
		if s := c.state.status(); s.Width == to.Width && s.Height == to.Height {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// lasting are the controls without buttons: pressing one is no setting to keep.
func (c *camera) lasting(values map[string]int64) map[string]int64 {
	lasting := maps.Clone(values)
	known, err := c.device.Controls()
	if err != nil {
		return lasting
	}
	for _, control := range known {
		if control.Type == "button" {
			delete(lasting, control.Name)
		}
	}
	return lasting
}

// setControls sets controls of the device, and returns what sets them back.
func (c *camera) setControls(values map[string]int64) (undo func(), err error) {
	if len(values) == 0 {
		return func() {}, nil
	}
	back, err := c.device.SetControls(values)
	switch {
	case errors.Is(err, errRefused):
		return nil, refuse(409, "%v", err)
	case err != nil:
		return nil, refuse(503, "%v", err)
	}
	return func() {
		if err := back(); err != nil {
			c.log.Warn("set controls back", "error", err)
		}
	}, nil
}

// offers lists the sizes of the device, for the end of a refusal.
func (c *camera) offers() string {
	sizes, err := c.device.Sizes()
	if err != nil || len(sizes) == 0 {
		return ""
	}
	text, seen := "; it offers", make(map[string]bool)
	for _, s := range sizes {
		size := fmt.Sprintf(" %dx%d", s.Width, s.Height)
		if !seen[size] && len(seen) < 20 {
			text += size
		}
		seen[size] = true
	}
	return text
}

// watch gives, renews or ends a lease.
func (c *camera) watch(_ context.Context, request []byte) (bus.Reply, error) {
	var r frame.WatchRequest
	if err := decode(request, &r); err != nil {
		return bus.Reply{}, err
	}
	if r.Watcher == "" || len(r.Watcher) > 64 {
		return bus.Reply{}, refuse(400, "watcher: want a name of 1 to 64 characters")
	}
	holds, ok := c.leases.take(r, time.Now())
	if !ok {
		return bus.Reply{}, refuse(503, "%d watchers, no more", mostWatchers)
	}
	return bus.JSONReply(frame.WatchReply{Seconds: int(holds / time.Second)})
}
