package frame

import "time"

// The verbs of cam.<id>.control.<verb>, requests that a camera answers. Every answer carries
// [HeaderReceived] and [HeaderSent]; one that refuses carries NATS's service error headers
// (Nats-Service-Error, Nats-Service-Error-Code) and says in one line why.
const (
	VerbGet      = "get"      // → Detail
	VerbSet      = "set"      // Change → Detail, after the change
	VerbSnapshot = "snapshot" // SnapshotRequest → the newest frame, bare picture and frame headers
	VerbWatch    = "watch"    // WatchRequest → WatchReply; holds a lease
	VerbRelease  = "release"  // ReleaseRequest → nothing; the camera ends, another publisher takes its id over
)

// When a camera's answer to a request was received and sent: Unix nanoseconds by the publisher's
// clock. With the asker's own two times they give the offset between the two clocks.
const (
	HeaderReceived = "Lens-Received"
	HeaderSent     = "Lens-Sent"
)

// ServiceName is the NATS micro service that every camera is an instance of, with its id in the
// metadata under [ServiceMetadataCamera]. `$SRV.STATS.camera` answers with the camera's Status.
const (
	ServiceName           = "camera"
	ServiceMetadataCamera = "camera"
)

// Settings are what can be changed of a camera while it runs. In answers all are set that are
// known.
type Settings struct {
	Width   int     `json:"width,omitempty"`   // pixels asked of the source
	Height  int     `json:"height,omitempty"`  // pixels asked of the source
	FPS     float64 `json:"fps,omitempty"`     // frames per second asked of the source; the publisher thins out what comes faster
	Quality int     `json:"quality,omitempty"` // of the JPEGs that are encoded here, 1 to 100
}

// Control is one control of the device, such as brightness: what V4L2 calls a user or camera control.
type Control struct {
	Name    string           `json:"name"` // lower case, '_' between words, as v4l2-ctl has it
	Type    string           `json:"type"` // "int", "bool", "menu", "button"
	Min     int64            `json:"min"`
	Max     int64            `json:"max"`
	Step    int64            `json:"step"`
	Default int64            `json:"default"`
	Value   int64            `json:"value"`
	Menu    map[int64]string `json:"menu,omitempty"` // the choices of a menu
	// Inactive says why a change has no effect now: "read-only", "inactive", "busy"; "" when it has.
	Inactive string `json:"inactive,omitempty"`
}

// Size is one size that the device offers.
type Size struct {
	Width  int       `json:"width"`
	Height int       `json:"height"`
	Format string    `json:"format"`        // FOURCC
	FPS    []float64 `json:"fps,omitempty"` // rates at this size, where the device lists them
}

// Detail is the whole truth about a camera: the answer to get and to set.
type Detail struct {
	Status   Status    `json:"status"`
	Settings Settings  `json:"settings"`
	Controls []Control `json:"controls"` // of the device; empty where it has none
	Sizes    []Size    `json:"sizes"`    // that the device lists; empty where it lists none
	// Saved says whether the settings survive a restart of the publisher.
	Saved bool `json:"saved"`
}

// Change is the request of set. A field that is absent stays as it is.
type Change struct {
	Width   *int     `json:"width,omitempty"`
	Height  *int     `json:"height,omitempty"`
	FPS     *float64 `json:"fps,omitempty"` // 0: that of the configuration, else all that the source gives
	Quality *int     `json:"quality,omitempty"`
	// Controls of the device by name.
	Controls map[string]int64 `json:"controls,omitempty"`
	// Save keeps the settings across a restart of the publisher.
	Save bool `json:"save,omitempty"`
	// Forget drops what was set and saved: the settings are those of the configuration again, but for
	// what this change asks besides. The device keeps its controls as they are; those that were set
	// are no longer set again when it opens.
	Forget bool `json:"forget,omitempty"`
}

// SnapshotRequest is the request of snapshot; an empty request asks for the frame as it is.
type SnapshotRequest struct {
	// Width in pixels to scale down to, at most [MaxSnapshotWidth]; 0 or more than the frame has: the frame
	// as it is.
	Width int `json:"width,omitempty"`
}

// MaxSnapshotWidth is the widest snapshot that can be asked for, in pixels.
const MaxSnapshotWidth = 16384

// WatchRequest asks for a lease: while one is held, the camera is open (on_demand cameras) and, with
// Preview, publishes its preview.
type WatchRequest struct {
	// Watcher names who holds the lease; the same name renews it. 1 to 64 characters.
	Watcher string `json:"watcher"`
	Preview bool   `json:"preview,omitempty"`
	// Seconds that the lease holds, at most 60. 0 gives it back.
	Seconds int `json:"seconds"`
}

// WatchReply is the answer of watch.
type WatchReply struct {
	// Seconds that the lease holds.
	Seconds int `json:"seconds"`
}

// ReleaseRequest asks the publisher of an epoch to end the camera.
type ReleaseRequest struct {
	Epoch string `json:"epoch"`
}

// What a preview is, on cam.<id>.preview: the newest frame scaled down to PreviewWidth pixels, or as
// it is where it is no wider, at most PreviewFPS times a second.
const (
	PreviewWidth = 480
	PreviewFPS   = 10
)

// MaxControlBytes bounds a control request; longer ones are refused.
const MaxControlBytes = 64 << 10

// LeaseLimit is the longest lease that watch gives.
const LeaseLimit = 60 * time.Second
