// Package publisher is a camera's life: it opens the source, publishes its pictures, notices
// trouble, and opens it again, for ever, each camera apart from the others.
//
// Where pictures come from is package source's; how they cross the network is package bus's. No picture
// is decoded here on its way to the viewers, but for one that is too large for the broker; previews and
// smaller snapshots are made of decoded ones, for who asks.
package publisher

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/worker"
	"github.com/lensbus/lensbus/seal"
)

// Config is the publisher's part of the configuration file.
type Config struct {
	// Cameras by id.
	Cameras map[frame.CameraID]CameraConfig
}

// CameraConfig is one camera. Zero values mean the defaults.
type CameraConfig struct {
	// Source says where the pictures come from: v4l2:/dev/video0?width=1280&height=720,
	// file:PATH?loop=1, http(s)://…, rtsp(s)://…, images:DIR, test:, opencv:… Required.
	Source string `yaml:"source"`
	// Quality of the JPEGs that are encoded here, 1 to 100. Default 80. A camera's own JPEGs are
	// passed on as they are.
	Quality int `yaml:"quality"`
	// OpenTimeout is how long the source may take to open. Default 10s.
	OpenTimeout time.Duration `yaml:"open_timeout"`
	// ReadTimeout is how long an open source may be without a picture before it is opened again.
	// Default 10s.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// FreezeAfter is how long the source may be without a new picture before the camera counts as
	// frozen. Default 5s, and never less than three frames.
	FreezeAfter time.Duration `yaml:"freeze_after"`
	// Isolate runs a source that needs OpenCV in a process of its own, so that a crash in native
	// code takes this camera only. Default true.
	Isolate *bool `yaml:"isolate"`
	// OnDemand opens the source when the first watcher comes and closes it when the last has been
	// gone for Grace. Default false: always open.
	OnDemand bool `yaml:"on_demand"`
	// Grace is how long an on_demand camera stays open without watchers. Default 10s.
	Grace time.Duration `yaml:"grace"`
	// SealTo are the public keys of those who may see the pictures (lensbus auth seal-key), at most
	// [seal.MostViewers]: frames, previews and snapshots leave this process encrypted to them. Default:
	// in the clear.
	SealTo []seal.Public `yaml:"seal_to"`
	// Record keeps the camera's frames on file in the broker, for a recorder. Default: not recorded.
	Record *RecordConfig `yaml:"record"`
}

// Defaults of a [CameraConfig].
const (
	DefaultQuality     = 80
	DefaultOpenTimeout = 10 * time.Second
	DefaultReadTimeout = 10 * time.Second
	DefaultFreezeAfter = 5 * time.Second
	DefaultGrace       = 10 * time.Second
)

// Validate returns every fault of the configuration, joined. A camera that is not there is none.
func (c Config) Validate() error {
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(c.Cameras)) {
		if _, err := frame.ParseCameraID(string(id)); err != nil {
			faults = append(faults, err)
		}
		camera := c.Cameras[id]
		if camera.Source == "" && camera.Record != nil {
			faults = append(faults, fmt.Errorf("camera %s: no source", id))
		}
		if err := camera.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("camera %s: %w", id, err))
		}
	}
	return errors.Join(faults...)
}

// Validate returns every fault of one camera's configuration, joined. Where Record says how the
// camera is recorded, Source may be missing: brokers and recorders have no use for it. [Run] has.
func (c CameraConfig) Validate() error {
	var faults []error
	if c.Source == "" {
		if c.Record == nil {
			faults = append(faults, errors.New("no source"))
		}
	} else if _, err := source.Parse(c.Source); err != nil {
		faults = append(faults, err)
	}
	if c.Source != "" && c.Recorded() && c.Record.From != "" {
		faults = append(faults, errors.New("record.from is for a camera that is published elsewhere, and it has a source"))
	}
	if c.Quality < 0 || c.Quality > 100 {
		faults = append(faults, fmt.Errorf("quality %d: want 1 to 100", c.Quality))
	}
	if c.SealTo != nil {
		if err := seal.CheckViewers(c.SealTo); err != nil {
			faults = append(faults, fmt.Errorf("seal_to: %w", err))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"open_timeout", c.OpenTimeout}, {"read_timeout", c.ReadTimeout}, {"freeze_after", c.FreezeAfter}, {"grace", c.Grace}} {
		if d.value < 0 || d.value > time.Hour {
			faults = append(faults, fmt.Errorf("%s %v: want up to 1h", d.name, d.value))
		}
	}
	return errors.Join(faults...)
}

func (c CameraConfig) orDefaults() CameraConfig {
	orDefault := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	if c.Quality == 0 {
		c.Quality = DefaultQuality
	}
	orDefault(&c.OpenTimeout, DefaultOpenTimeout)
	orDefault(&c.ReadTimeout, DefaultReadTimeout)
	orDefault(&c.FreezeAfter, DefaultFreezeAfter)
	orDefault(&c.Grace, DefaultGrace)
	return c
}

// Deps are what a publisher works with.
type Deps struct {
	// Bus carries the frames. It stays the caller's.
	Bus *bus.Conn
	// Log is for what people should know; nil discards.
	Log *slog.Logger
	// Worker is the command that runs one source in a process of its own (it calls
	// worker.Serve). Where it is empty, all sources run in this process.
	Worker []string
	// Now is the clock by which pictures, statuses and answers are stamped; nil means time.Now. How
	// long anything takes is always measured by this machine's own.
	Now func() time.Time
	// Version of the program, for `nats micro`: a semantic version. Default "0.0.0".
	Version string
	// StateDir is the folder in which settings are saved that were changed with save; where it is
	// empty, saving is refused.
	StateDir string
	// Reload brings new configurations while Run runs; with it, Run may have no cameras for a time. Cameras
	// are added, removed or altered; those that are the same go on without a gap. A wrong configuration is
	// logged and changes nothing.
	Reload <-chan Config
	// SealKey is what pictures are sealed with, by which viewers know their publisher; zero: one that
	// nobody knows, made for each camera's life.
	SealKey seal.Key
	// Replace takes over cameras that another publisher has on the bus, instead of refusing.
	Replace bool
	// Metrics get the cameras' numbers; nil: nobody wants them.
	Metrics *Metrics

	// For all cameras of a Run:
	spare     *worker.Spare // nil: none
	shrinking turns
}

// ErrTaken: another publisher has the camera on the bus.
var ErrTaken = errors.New("already published")
