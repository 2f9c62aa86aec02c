package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/frame"
)

// Config is the section recorder of the configuration file. Zero values mean the defaults.
type Config struct {
	// Dir is the folder for the files; made where it is missing. Required. One recorder at a time
	// has it.
	Dir string `yaml:"dir"`
	// Cameras are those that are recorded. Default (nil): all whose frames the broker keeps on file,
	// new ones too while it runs.
	Cameras []frame.CameraID `yaml:"cameras"`
	// Durable is the name of the consumer in the broker, the same for all cameras: it says how far
	// this recorder is. A second recorder of the same cameras needs another one. Default: that of the
	// connection's credentials, "rec" where they name none.
	Durable string `yaml:"durable"`
	// Segment is how long a file is at most, in capture time. Default 10m.
	Segment time.Duration `yaml:"segment"`
	// SegmentBytes is how large a file is at most. Default 2GiB.
	SegmentBytes bytesize.Bytes `yaml:"segment_bytes"`
	// Part is how long frames wait for being written and synced together: what is not yet is still
	// in the stream, and comes late to a disk that fails. Default 1s.
	Part time.Duration `yaml:"part"`
	// KeepAge is how long files are kept, for cameras that say nothing else. Default: no limit.
	KeepAge time.Duration `yaml:"keep_age"`
	// KeepBytes is how much the files of a camera may take, for those that say nothing else.
	// Default: no limit.
	KeepBytes bytesize.Bytes `yaml:"keep_bytes"`
	// MinFree is how much stays free on the volume: the oldest files of all cameras go for it, and
	// where there are none left, recording stops until there is room. Default 1GiB. [NoMinFree], in a file 0:
	// nothing is removed for room, and recording stops where the disk takes no more.
	MinFree MinFree `yaml:"min_free"`
	// CatchUp is how many bytes a second are fetched, of all cameras that are behind together, so
	// that live pictures do not wait for it. It is exceeded where a camera would catch up with less
	// than two seconds of the stream in a second, and where the stream's limits are near. Default
	// 32MiB.
	CatchUp bytesize.Bytes `yaml:"catch_up"`
	// Replays is how many replays and exports run at a time. Default 128.
	Replays int `yaml:"replays"`
	// ReplaysEach is how many of them one asker may have: a user of the broker, or, where that has none, a
	// connection. A page is one, whoever watches there. Default half of Replays.
	ReplaysEach int `yaml:"replays_each"`

	// Keep is how much is kept of single cameras, where that differs. A zero field is that of
	// KeepAge or KeepBytes.
	Keep map[frame.CameraID]Keep `yaml:"-"`
}

// The defaults of [Config].
const (
	DefaultSegment      = 10 * time.Minute
	DefaultSegmentBytes = 2 * bytesize.GiB
	DefaultPart         = time.Second
	DefaultMinFree      = MinFree(bytesize.GiB)
	DefaultCatchUp      = 32 * bytesize.MiB
)

// MinFree is a size in bytes of which a file can say 0, which is another thing than to say nothing.
type MinFree bytesize.Bytes

// NoMinFree is that nothing has to stay free. It is what a file calls 0.
const NoMinFree MinFree = -1

// UnmarshalText reads a size like [bytesize.Bytes], and 0 as [NoMinFree].
func (m *MinFree) UnmarshalText(text []byte) error {
	var size bytesize.Bytes
	if err := size.UnmarshalText(text); err != nil {
		return err
	}
	if *m = MinFree(size); size == 0 {
		*m = NoMinFree
	}
	return nil
}

// String is what UnmarshalText reads; that of the zero value, "0B", it reads as NoMinFree.
func (m MinFree) String() string { return bytesize.Bytes(m.bytes()).String() }

// bytes is how many stay free: 0 where none has to.
func (m MinFree) bytes() int64 { return max(0, int64(m)) }

// OrDefaults returns c with zero fields replaced by their defaults.
func (c Config) OrDefaults() Config {
	if c.Segment == 0 {
		c.Segment = DefaultSegment
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = DefaultSegmentBytes
	}
	if c.Part == 0 {
		c.Part = DefaultPart
	}
	if c.MinFree == 0 {
		c.MinFree = DefaultMinFree
	}
	if c.CatchUp == 0 {
		c.CatchUp = DefaultCatchUp
	}
	if c.Replays == 0 {
		c.Replays = defaultReplays
	}
	if c.ReplaysEach == 0 {
		c.ReplaysEach = max(1, c.Replays/2)
	}
	return c
}

// Validate checks c with its defaults filled in and returns everything that is wrong, joined; each
// error starts with the field's name in the file. A Dir that is missing is for [Run] to say: a file
// may leave it to the command line.
func (c Config) Validate() error {
	c = c.OrDefaults()
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for i, id := range c.Cameras {
		if _, err := frame.ParseCameraID(string(id)); err != nil {
			wrong("cameras: %w", err)
		}
		if slices.Contains(c.Cameras[:i], id) {
			wrong("cameras: %s is there twice", id)
		}
	}
	if _, err := frame.ParseCameraID(c.Durable); err != nil && c.Durable != "" {
		wrong("durable: %.40q: use 1 to 32 of a-z, 0-9, '_' and '-', starting with a letter or digit", c.Durable)
	}
	for _, d := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
	}{
		{"segment", c.Segment, time.Second, 24 * time.Hour},
		{"part", c.Part, 50 * time.Millisecond, 30 * time.Second},
		{"keep_age", c.KeepAge, 0, 100 * 365 * 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			wrong("%s: %v is outside %v to %v", d.name, d.value, d.least, d.most)
		}
	}
	if c.SegmentBytes < bytesize.MiB || c.SegmentBytes > 64*bytesize.GiB {
		wrong("segment_bytes: %s is outside 1MiB to 64GiB", c.SegmentBytes)
	}
	if c.KeepBytes < 0 {
		wrong("keep_bytes: %d is negative", c.KeepBytes)
	}
	if c.MinFree < 0 && c.MinFree != NoMinFree {
		wrong("min_free: %d is negative", int64(c.MinFree))
	}
	if c.CatchUp < bytesize.MiB {
		wrong("catch_up: %s is less than 1MiB", c.CatchUp)
	}
	if c.Replays < 1 || c.Replays > 10_000 {
		wrong("replays: %d is outside 1 to 10000", c.Replays)
	}
	if c.ReplaysEach < 1 || c.ReplaysEach > c.Replays {
		wrong("replays_each: %d is outside 1 to %d, which is replays", c.ReplaysEach, c.Replays)
	}
	return errors.Join(faults...)
}

// keep is how much is kept of a camera.
func (c Config) keep(id frame.CameraID) Keep {
	keep := c.Keep[id]
	if keep.Age == 0 {
		keep.Age = c.KeepAge
	}
	if keep.Bytes == 0 {
		keep.Bytes = int64(c.KeepBytes)
	}
	return keep
}

// Deps are what a recorder works with.
type Deps struct {
	// Bus brings the frames. It stays the caller's.
	Bus *bus.Conn
	// Log is for what people should know; nil discards.
	Log *slog.Logger
	// Version of the program, for `nats micro`: a semantic version. Default "0.0.0".
	Version string
	// Reload brings new configurations while Run runs: which cameras there are and how much is kept
	// of each. All else holds from the next start on.
	Reload <-chan Config
	// Metrics get the recorder's numbers, and say whether it records; nil: nobody wants them.
	Metrics *Metrics
	// Before is segment.Folder's: it makes the disk fail, in tests.
	Before func(op, path string) error
	// GiveUp is after how long a segment that cannot be closed is put aside. Default 1 minute.
	GiveUp time.Duration
	// AckWait is that of consumers that are made, 0 for the standard; shorter in tests.
	AckWait time.Duration
}
