package window

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// Config says what the window shows. The zero value shows every camera that there is.
type Config struct {
	// Cameras are shown in this order, whether they are there or not. Empty: all that there are,
	// sorted by id, appearing and disappearing as they do (at most 64 of them).
	Cameras []frame.CameraID `yaml:"cameras"`
	// MaxFPS is how often the window is drawn at most, per second. Default 60, at most 240.
	MaxFPS int `yaml:"max_fps"`
	// SnapshotDir is the folder in which the key s saves pictures. Default: the current one.
	SnapshotDir string `yaml:"snapshot_dir"`
}

// Deps are what a window works with. They stay the caller's.
type Deps struct {
	Bus *bus.Conn
	// Log gets what the window cannot show; nil discards.
	Log *slog.Logger
	// Metrics get the window's numbers; nil: nobody wants them.
	Metrics *Metrics
	// Playback shows recorded pictures instead of live ones; nil: live. The Config must name the
	// cameras then.
	Playback *Playback
}

// MostCameras is how many cameras a window shows: it bounds what strangers on the bus can make one that shows
// all of them hold.
const MostCameras = 64

// Validate checks c, the defaults included. Its errors name the field.
func (c Config) Validate() error {
	var errs []error
	if c.MaxFPS < 0 || c.MaxFPS > 240 {
		errs = append(errs, fmt.Errorf("max_fps %d: want 1 to 240, or 0 for the default of 60", c.MaxFPS))
	}
	if len(c.Cameras) > MostCameras {
		errs = append(errs, fmt.Errorf("cameras: %d are given, a window shows at most %d", len(c.Cameras), MostCameras))
	}
	seen := make(map[frame.CameraID]bool)
	for _, id := range c.Cameras {
		if _, err := frame.ParseCameraID(string(id)); err != nil {
			errs = append(errs, fmt.Errorf("cameras: %w", err))
		}
		if seen[id] {
			errs = append(errs, fmt.Errorf("cameras: %s is given twice", id))
		}
		seen[id] = true
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.MaxFPS == 0 {
		c.MaxFPS = 60
	}
	if c.SnapshotDir == "" {
		c.SnapshotDir = "."
	}
	return c
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	return d
}
