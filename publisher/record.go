package publisher

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/frame"
)

// RecordConfig says that a camera is recorded: the broker keeps its frames on file until a recorder
// has fetched them. In the configuration file it is a mapping, or true for the defaults. Zero values
// mean the defaults.
type RecordConfig struct {
	// Off is record: false, as if it were not there.
	Off bool `yaml:"-"`
	// BufferAge is how long the broker keeps a frame: the longest that a recorder may be away
	// without a hole. Default 1h, at least 10s.
	BufferAge time.Duration `yaml:"buffer_age"`
	// BufferBytes is how much the broker keeps of the camera; the oldest frames go first. Default
	// 1GiB, at least 16MiB. The sum over all cameras must fit the broker's max_file_store.
	BufferBytes bytesize.Bytes `yaml:"buffer_bytes"`
	// From is the site whose broker has the camera, a leaf node of this one: what is kept here is a copy
	// of what is kept there. Default "": what is published is kept. For a broker, not for who publishes.
	From string `yaml:"from"`
	// Replicas is on how many servers of a cluster the broker keeps it: 1, 3 or 5. Default 1.
	Replicas int `yaml:"replicas"`
	// KeepAge is how long the recorder keeps the camera's files. Default: the recorder's.
	KeepAge time.Duration `yaml:"keep_age"`
	// KeepBytes is how much the recorder's files of the camera may take. Default: the recorder's.
	KeepBytes bytesize.Bytes `yaml:"keep_bytes"`
}

// Defaults of a [RecordConfig].
const (
	DefaultBufferAge   = time.Hour
	DefaultBufferBytes = bytesize.GiB
	DefaultReplicas    = 1
)

// What a [RecordConfig] may say at least and at most.
const (
	leastBufferAge   = 10 * time.Second
	leastBufferBytes = 16 * bytesize.MiB // two frames of the largest
	mostAge          = 10 * 365 * 24 * time.Hour
)

// UnmarshalBool takes record: true and record: false.
func (r *RecordConfig) UnmarshalBool(on bool) error {
	*r = RecordConfig{Off: !on}
	return nil
}

// OrDefaults returns r with every zero field of the buffer replaced by its default.
func (r RecordConfig) OrDefaults() RecordConfig {
	if r.BufferAge == 0 {
		r.BufferAge = DefaultBufferAge
	}
	if r.BufferBytes == 0 {
		r.BufferBytes = DefaultBufferBytes
	}
	if r.Replicas == 0 {
		r.Replicas = DefaultReplicas
	}
	return r
}

// Limits are those of the camera's stream.
func (r RecordConfig) Limits() bus.StreamLimits {
	r = r.OrDefaults()
	return bus.StreamLimits{Age: r.BufferAge, Bytes: int64(r.BufferBytes), Replicas: r.Replicas, From: r.From}
}

// Validate returns every fault, joined.
func (r RecordConfig) Validate() error {
	r = r.OrDefaults()
	var faults []error
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if r.BufferAge < leastBufferAge || r.BufferAge > mostAge {
		wrong("buffer_age: %s is outside %s to %s", r.BufferAge, leastBufferAge, mostAge)
	}
	if r.BufferBytes < leastBufferBytes {
		wrong("buffer_bytes: %s is less than %s, which a few frames may take", r.BufferBytes, leastBufferBytes)
	}
	if r.From != "" && !frame.ValidName(r.From) {
		wrong("from: %.40q is no site: want the name that its credentials have", r.From)
	}
	switch r.Replicas {
	case 1, 3, 5:
	default:
		wrong("replicas: %d: want 1, 3 or 5", r.Replicas)
	}
	if r.KeepAge < 0 || r.KeepAge > mostAge {
		wrong("keep_age: %s: want up to %s", r.KeepAge, mostAge)
	}
	if r.KeepBytes < 0 {
		wrong("keep_bytes: %d is negative", r.KeepBytes)
	}
	return errors.Join(faults...)
}

// Recorded says whether the camera is recorded.
func (c CameraConfig) Recorded() bool { return c.Record != nil && !c.Record.Off }

// Recorded returns the limits of the streams of the cameras that are recorded.
func (c Config) Recorded() bus.Recorded {
	recorded := make(bus.Recorded)
	for id, camera := range c.Cameras {
		if camera.Recorded() {
			recorded[id] = camera.Record.Limits()
		}
	}
	return recorded
}

// sameLife says whether a camera of configuration c can go on with that of other: how much is kept of
// it is no reason to interrupt it.
func (c CameraConfig) sameLife(other CameraConfig) bool {
	if c.Recorded() != other.Recorded() {
		return false
	}
	c.Record, other.Record = nil, nil
	return reflect.DeepEqual(c, other)
}
