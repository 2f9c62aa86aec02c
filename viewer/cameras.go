// Package viewer is what every watching end shares: which cameras there are, and what a picture
// on a screen must say about itself. The window and the page are packages below this one.
//
// Receiving frames is bus's; decoding and drawing are the window's; HTTP is the page's.
package viewer

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// How long a camera may be quiet.
const (
	// StaleAfter is when the newest frame is no longer shown as live: "no signal".
	StaleAfter = 2 * time.Second
	// SilentAfter is when a camera that has missed its status counts as silent: nobody publishes it.
	SilentAfter = 3 * frame.StatusInterval
	// ForgetAfter is when a silent camera leaves the list.
	ForgetAfter = time.Minute
)

// Camera is one camera as this end knows it.
type Camera struct {
	frame.Status
	// Silent is true when no status has come for SilentAfter: the publisher or the way to it is gone.
	Silent bool `json:"silent"`
	heard  time.Time
}

// Cameras is the list of cameras on the bus, kept by their statuses: one appears with its first
// status, leaves at once when its publisher ends it, and is forgotten after a minute of silence.
type Cameras struct {
	stop   func()
	cancel chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	byID    map[frame.CameraID]Camera
	changed bool // since the list was made
	list    bus.Latest[[]Camera]
}

// What a hostile publisher cannot make this end do: keep more cameras than mostCameras, or make
// the list anew more often than every listEvery.
const (
	mostCameras = 1024
	listEvery   = 100 * time.Millisecond
)

// WatchCameras begins to watch the statuses of the given cameras, or of all. Close it after use.
func WatchCameras(conn *bus.Conn, ids ...frame.CameraID) (*Cameras, error) {
	c := &Cameras{cancel: make(chan struct{}), done: make(chan struct{}), byID: make(map[frame.CameraID]Camera)}
	c.list.Put(nil)
	stop, err := conn.Statuses(func(s frame.Status) { c.heard(s, time.Now()) }, ids...)
	if err != nil {
		return nil, err
	}
	c.stop = stop
	go c.sweep()
	return c, nil
}

// List returns the cameras, sorted by id. The slice is shared: do not change it.
func (c *Cameras) List() []Camera {
	list, _ := c.list.Newest()
	return list
}

// Get returns one camera.
func (c *Cameras) Get(id frame.CameraID) (Camera, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	camera, ok := c.byID[id]
	return camera, ok
}

// Changes returns a reader of the list, which has a new value soon after a status or a change, at
// most ten a second.
func (c *Cameras) Changes() *bus.Reader[[]Camera] { return c.list.Reader() }

// Close ends the watch and waits for it. It is safe twice.
func (c *Cameras) Close() error {
	c.mu.Lock()
	select {
	case <-c.cancel:
	default:
		close(c.cancel)
	}
	c.mu.Unlock()
	c.stop()
	<-c.done
	c.list.Close(bus.ErrClosed)
	return nil
}

func (c *Cameras) heard(s frame.Status, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.State == frame.StateEnded {
		// The end of an epoch that another has already followed ends nothing.
		if known, ok := c.byID[s.ID]; ok && known.Epoch == s.Epoch {
			delete(c.byID, s.ID)
			c.changed = true
		}
		return
	}
	if _, known := c.byID[s.ID]; !known && len(c.byID) >= mostCameras {
		return
	}
	c.byID[s.ID] = Camera{Status: s, heard: now}
	c.changed = true
}

func (c *Cameras) sweep() {
	defer close(c.done)
	tick := time.NewTicker(listEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.cancel:
			return
		case now := <-tick.C:
			c.age(now)
		}
	}
}

func (c *Cameras) age(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, camera := range c.byID {
		quiet := now.Sub(camera.heard)
		switch {
		case quiet > ForgetAfter:
			delete(c.byID, id)
			c.changed = true
		case quiet > SilentAfter && !camera.Silent:
			camera.Silent = true
			c.byID[id] = camera
			c.changed = true
		}
	}
	if c.changed {
		c.changed = false
		c.publish()
	}
}

// publish is called with mu held.
func (c *Cameras) publish() {
	list := make([]Camera, 0, len(c.byID))
	for _, camera := range c.byID {
		list = append(list, camera)
	}
	slices.SortFunc(list, func(a, b Camera) int { return strings.Compare(string(a.ID), string(b.ID)) })
	c.list.Put(list)
}
