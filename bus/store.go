package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// StreamLimits bound what the broker keeps of a recorded camera. All but From are required.
type StreamLimits struct {
	Age      time.Duration // how long a frame is kept
	Bytes    int64         // how much is kept; the oldest frames go first
	Replicas int           // on how many servers of a cluster
	// From is the site, a leaf node's JetStream domain, whose stream of the camera this one is a copy of.
	// A copy has what that one stores, and what is missed while the site cannot be reached as soon as
	// it can; its numbers are its own. "": it has what is published.
	From string
}

// Errors of what provisions streams.
var (
	// ErrNoRoom: the sum of all streams' Bytes must stay under the server's max_file_store, and would not.
	ErrNoRoom = errors.New("the server has no room for it")
	// ErrForeignStream: there is a stream of that name which is not one that lensbus makes.
	ErrForeignStream = errors.New("somebody else's stream")
	// ErrNoJetStream: the server keeps no streams, or none for this account.
	ErrNoJetStream = errors.New("the server has no JetStream")
)

// StreamAction is what is done to a camera's stream.
type StreamAction string

// What is done to a camera's stream.
const (
	StreamKept     StreamAction = "kept"     // it is as it should be
	StreamCreated  StreamAction = "created"  // there was none
	StreamUpdated  StreamAction = "updated"  // its settings were changed in place; its frames stay
	StreamReplaced StreamAction = "replaced" // one in memory, which held the newest frame only, gave way to one on file
)

// StreamPlan says what provisioning does, or has done, to a camera's stream.
type StreamPlan struct {
	Camera  frame.CameraID `json:"camera"`
	Stream  string         `json:"stream"`
	Action  StreamAction   `json:"action"`
	Changes []StreamChange `json:"changes,omitempty"` // where it is updated
}

// PlanStream says what [Conn.Provision] would do now. It changes nothing.
func (c *Conn) PlanStream(ctx context.Context, id frame.CameraID, limits StreamLimits) (StreamPlan, error) {
	js, err := jetstream.New(c.control)
	if err != nil {
		return StreamPlan{}, fmt.Errorf("stream of camera %s: %w", id, err)
	}
	plan, _, err := planStream(ctx, js, id, limits)
	return plan, err
}

// Provision makes the camera's stream one of a recorded camera with these limits: on file, oldest
// frames out first. Such a stream is altered in place and loses no frames but those over new, lower
// limits; one in memory that holds the newest frame is replaced. Any other is an [ErrForeignStream]
// and is left alone. Other errors to expect are [ErrNoRoom] and [ErrNoJetStream].
func (c *Conn) Provision(ctx context.Context, id frame.CameraID, limits StreamLimits) (StreamPlan, error) {
	js, err := jetstream.New(c.control)
	if err != nil {
		return StreamPlan{}, fmt.Errorf("stream of camera %s: %w", id, err)
	}
	// A publisher and who looks after streams may both find the stream in memory: the second must not
	// delete what the first has made.
	place, _ := c.provision.LoadOrStore(id, make(chan struct{}, 1))
	select {
	case place.(chan struct{}) <- struct{}{}:
		defer func() { <-place.(chan struct{}) }()
	case <-ctx.Done():
		return StreamPlan{}, fmt.Errorf("stream of camera %s: %w", id, ctx.Err())
	}
	replacing := false
	for try := 0; ; try++ {
		plan, config, err := planStream(ctx, js, id, limits)
		if err != nil {
			return plan, err
		}
		if replacing = replacing || plan.Action == StreamReplaced; replacing && plan.Action == StreamCreated {
			plan.Action = StreamReplaced // begun before
		}
		err = carryOut(ctx, js, plan, config)
		if try < mostTries && (changedMeanwhile(err) || stillDeleting(err)) {
			sleep(ctx, time.Duration(try)*20*time.Millisecond)
			continue
		}
		return plan, provisionError(ctx, js, id, limits, err)
	}
}

// mostTries of making a stream take four seconds.
const mostTries = 20

// stillDeleting says whether the server could not make the stream's files, as while it still removes
// those of one of that name.
func stillDeleting(err error) bool {
	var refused jetstream.JetStreamError
	return errors.As(err, &refused) && refused.APIError() != nil && refused.APIError().ErrorCode == codeNoStore
}

// changedMeanwhile says whether somebody else has made or deleted the stream since it was looked at.
func changedMeanwhile(err error) bool {
	return errors.Is(err, errReplaced) || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.Is(err, jetstream.ErrStreamNotFound)
}

// EnsureRecorded makes sure that the camera has a stream on file, for publishers where nobody else
// provisions: it makes one with these limits where there is none or one in memory, and leaves one on
// file as it is, whatever its limits. Credentials that may not make streams wait for it, three quarters
// of the time that ctx gives. Its Storage is where frames are kept afterwards. Its errors are those of
// [Conn.Provision].
func (c *Conn) EnsureRecorded(ctx context.Context, id frame.CameraID, limits StreamLimits) (Storage, error) {
	js, err := jetstream.New(c.control)
	if err != nil {
		return StorageNone, fmt.Errorf("stream of camera %s: %w", id, err)
	}
	stream, err := js.Stream(ctx, id.StreamName())
	switch {
	case err == nil && stream.CachedInfo().Config.Storage == jetstream.FileStorage:
		return StorageFile, nil
	case err != nil && !errors.Is(err, jetstream.ErrStreamNotFound):
		return StorageNone, provisionError(ctx, js, id, limits, err)
	}
	if c.narrow.Load() {
		stream, err := c.awaitStream(ctx, js, id, func(is jetstream.StreamConfig) bool { return is.Storage == jetstream.FileStorage })
		switch {
		case err == nil:
			return StorageFile, nil
		case stream != nil:
			return StorageMemory, fmt.Errorf("stream of camera %s: the broker keeps only the newest frame, and these credentials may not change that: its own configuration file must say that the camera is recorded", id)
		}
		return StorageNone, fmt.Errorf("stream of camera %s: %w", id, err)
	}
	if _, err := c.Provision(ctx, id, limits); err != nil {
		if stream != nil {
			return StorageMemory, err
		}
		return StorageNone, err
	}
	return StorageFile, nil
}

// planStream compares the camera's stream with what it should be.
func planStream(ctx context.Context, js jetstream.JetStream, id frame.CameraID, limits StreamLimits) (StreamPlan, jetstream.StreamConfig, error) {
	plan := StreamPlan{Camera: id, Stream: id.StreamName(), Action: StreamCreated}
	want := recordedStream(id, limits)
	stream, err := js.Stream(ctx, plan.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return plan, want, nil
	}
	if err != nil {
		return plan, want, provisionError(ctx, js, id, limits, err)
	}
	is := stream.CachedInfo().Config
	if keepsNewest(is) {
		plan.Action = StreamReplaced
		return plan, want, nil
	}
	if why := foreign(is); why != "" {
		return plan, want, fmt.Errorf("stream %s: %w, %s: delete it (`nats stream rm %s`) or give the camera another id", plan.Stream, ErrForeignStream, why, plan.Stream)
	}
	to := reconcile(is, want)
	plan.Changes = changes(is, to)
	plan.Action = StreamUpdated
	if len(plan.Changes) == 0 {
		plan.Action = StreamKept
	}
	return plan, to, nil
}

// keepsNewest says whether a stream is one in memory that holds the newest frame.
func keepsNewest(is jetstream.StreamConfig) bool {
	return is.Storage == jetstream.MemoryStorage && is.MaxMsgs == 1
}

// errReplaced: what was to be deleted is another stream by now.
var errReplaced = errors.New("somebody else has replaced the stream")

func carryOut(ctx context.Context, js jetstream.JetStream, plan StreamPlan, config jetstream.StreamConfig) (err error) {
	switch plan.Action {
	case StreamReplaced: // which may have been begun
		// Others than this program may be at it too.
		stream, lookErr := js.Stream(ctx, plan.Stream)
		switch {
		case lookErr != nil && !errors.Is(lookErr, jetstream.ErrStreamNotFound):
			return lookErr
		case lookErr == nil && !keepsNewest(stream.CachedInfo().Config):
			return errReplaced
		}
		if err := js.DeleteStream(ctx, plan.Stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		if _, err = js.CreateStream(ctx, config); err != nil { // better the newest frame than none
			if _, again := js.CreateStream(ctx, memoryStream(plan.Camera)); again != nil && changedMeanwhile(again) {
				return again
			}
		}
	case StreamCreated:
		_, err = js.CreateStream(ctx, config)
	case StreamUpdated:
		_, err = js.UpdateStream(ctx, config)
	}
	return err
}

// What JetStream calls its refusals.
const (
	codeAccountLimit    jetstream.ErrorCode = 10002 // resource limits exceeded for account
	codeInsufficient    jetstream.ErrorCode = 10023 // insufficient resources
	codeNoStorage       jetstream.ErrorCode = 10047 // insufficient storage resources available
	codeNoStore         jetstream.ErrorCode = 10049 // error creating store for stream
	codeReplicas        jetstream.ErrorCode = 10074 // replicas > 1 not supported in non-clustered mode
	codeStoreFailed     jetstream.ErrorCode = 10077 // storing failed; the text says why
	codeStreamMaxBytes  jetstream.ErrorCode = 10122 // stream max bytes exceeds account limit
	codeTooManyRequests jetstream.ErrorCode = 10167 // more is waiting to be stored than the server holds
)

// provisionError makes one line for people of what JetStream says; nil of nil.
func provisionError(ctx context.Context, js jetstream.JetStream, id frame.CameraID, limits StreamLimits, err error) error {
	var refused jetstream.JetStreamError
	switch {
	case err == nil:
		return nil
	case noJetStream(err):
		return fmt.Errorf("stream of camera %s: %w", id, ErrNoJetStream)
	case errors.As(err, &refused) && refused.APIError() != nil:
		switch refused.APIError().ErrorCode {
		case codeNoStorage, codeAccountLimit, codeStreamMaxBytes, codeInsufficient:
			return fmt.Errorf("stream of camera %s: %w: buffer_bytes is %s and %s: raise max_file_store or keep less (%w)",
				id, ErrNoRoom, bytesText(limits.Bytes), promised(ctx, js), err)
		case codeReplicas:
			return fmt.Errorf("stream of camera %s: replicas is %d and the server is not in a cluster: %w", id, limits.Replicas, err)
		}
	}
	return fmt.Errorf("stream of camera %s: %w", id, err)
}

// noJetStream says whether err means that the server keeps no streams.
func noJetStream(err error) bool {
	return errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) || errors.Is(err, nats.ErrNoResponders)
}

// promised says what the streams on file may take together, as far as this user may know.
func promised(ctx context.Context, js jetstream.JetStream) string {
	sum, n := int64(0), 0
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		if info.Config.Storage == jetstream.FileStorage && info.Config.MaxBytes > 0 {
			sum += info.Config.MaxBytes
			n++
		}
	}
	if list.Err() != nil {
		return "the server's other streams have the rest"
	}
	return fmt.Sprintf("the %d other streams on file may take %s", n, bytesText(sum))
}

// bytesText is a size as configuration files have it.
func bytesText(n int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n != 0 && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
