package bus

import (
	"context"
	"errors"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// StreamLimits bound what the broker keeps of a recorded camera. All three are required.
type StreamLimits struct {
	Age      time.Duration // how long a frame is kept
	Bytes    int64         // how much is kept; the oldest frames go first
	Replicas int           // on how many servers of a cluster
}

// ErrNoRoom is wrapped by what provisions a stream that the server has no room for: the sum of all
// streams' Bytes must stay under the server's max_file_store.
var ErrNoRoom = errors.New("no room on the server")

// StreamAction is what is done to a camera's stream.
type StreamAction string

// What is done to a camera's stream.
const (
	StreamKept     StreamAction = "kept"     // it is as it should be
	StreamCreated  StreamAction = "created"  // there was none
	StreamUpdated  StreamAction = "updated"  // its settings were changed in place; its frames stay
	StreamReplaced StreamAction = "replaced" // one in memory, which held the newest frame only, gave way to one on file
)

// StreamChange is one setting of a stream that is changed.
type StreamChange struct {
	Setting string `json:"setting"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// StreamPlan says what provisioning does, or has done, to a camera's stream.
type StreamPlan struct {
	Camera  frame.CameraID `json:"camera"`
	Stream  string         `json:"stream"`
	Action  StreamAction   `json:"action"`
	Changes []StreamChange `json:"changes,omitempty"` // where it is updated
}

// PlanStream says what [Conn.Provision] would do now. It changes nothing.
func (c *Conn) PlanStream(ctx context.Context, id frame.CameraID, limits StreamLimits) (StreamPlan, error) {
	return StreamPlan{}, errors.ErrUnsupported
}

// Provision makes the camera's stream one of a recorded camera with these limits: on file, oldest
// frames out first. A stream of such a kind is altered in place and loses no frames but those over new,
// lower limits; one in memory that holds the newest frame is replaced. Any other is an error: it is
// somebody else's, and is left alone. Its errors wrap [ErrNoRoom] where the server has none.
func (c *Conn) Provision(ctx context.Context, id frame.CameraID, limits StreamLimits) (StreamPlan, error) {
	return StreamPlan{}, errors.ErrUnsupported
}

// EnsureRecorded makes sure that the camera has a stream on file, for publishers where nobody else
// provisions: it makes one with these limits where there is none or one in memory, and leaves one on
// file as it is, whatever its limits. Its Storage is what the stream is kept in afterwards.
func (c *Conn) EnsureRecorded(ctx context.Context, id frame.CameraID, limits StreamLimits) (Storage, error) {
	return StorageNone, errors.ErrUnsupported
}
