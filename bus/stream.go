package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/frame"
)

// Storage says where a camera's newest frame is kept for who comes later.
type Storage string

// The storages of a camera's stream.
const (
	StorageNone   Storage = "none"   // nowhere: no JetStream, or no right to it
	StorageMemory Storage = "memory" // the newest frame, in the broker's memory
	StorageFile   Storage = "file"   // a recorded camera's frames
)

// EnsureStream makes sure that the camera has a stream, so that a new viewer has a picture at
// once and a slow one can fetch the newest: one message in memory, unless somebody has provisioned
// another. Credentials that may not make streams wait for it, three quarters of the time that ctx
// gives: the broker makes the streams of its publishers. Where there is no JetStream it returns
// [StorageNone] and an error that says so; live pictures flow all the same.
func (c *Conn) EnsureStream(ctx context.Context, id frame.CameraID) (Storage, error) {
	js, err := jetstream.New(c.control)
	if err != nil {
		return StorageNone, fmt.Errorf("stream of camera %s: %w", id, err)
	}
	stream, err := js.Stream(ctx, id.StreamName())
	if errors.Is(err, jetstream.ErrStreamNotFound) && c.narrow.Load() {
		stream, err = c.awaitStream(ctx, js, id, func(jetstream.StreamConfig) bool { return true })
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = c.refused.ask(ctx, "$JS.API.STREAM.CREATE."+id.StreamName(), func(ctx context.Context) (err error) {
			stream, err = js.CreateStream(ctx, memoryStream(id))
			return err
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was quicker
			stream, err = js.Stream(ctx, id.StreamName())
		}
	}
	switch {
	case err == nil:
	case noJetStream(err):
		return StorageNone, fmt.Errorf("stream of camera %s: the server has no JetStream: new viewers wait for the next frame, snapshots and slow viewers too", id)
	default:
		return StorageNone, fmt.Errorf("stream of camera %s: %w", id, err)
	}
	if stream.CachedInfo().Config.Storage == jetstream.FileStorage {
		return StorageFile, nil
	}
	return StorageMemory, nil
}

// memoryStream keeps the newest frame. One stream a camera, not one for all: deduplication ids,
// limits and rights are per stream, and one camera must not reach into another's.
func memoryStream(id frame.CameraID) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        id.StreamName(),
		Description: "newest frame of camera " + string(id),
		Subjects:    []string{id.FrameSubject()},
		Storage:     jetstream.MemoryStorage,
		MaxMsgs:     1,
		MaxMsgSize:  int32(frame.DefaultLimits().Bytes),
		Discard:     jetstream.DiscardOld,
		Replicas:    1,
		AllowDirect: true,
		NoAck:       true, // frames of this stream are published without asking for an answer
		DenyDelete:  true,
		DenyPurge:   true,
	}
}
