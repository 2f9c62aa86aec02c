package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
)

// stateFolder is a folder of lensbus below the user's state, or "" where there is no home.
func stateFolder(name string, env func(string) string) string {
	if state := env("XDG_STATE_HOME"); filepath.IsAbs(state) { // others are to be ignored
		return filepath.Join(state, "lensbus", name)
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "lensbus", name)
	}
	return ""
}

// storeFolder is where the broker keeps streams of recorded cameras when nobody says where.
func storeFolder(env func(string) string) string {
	if first, _, _ := strings.Cut(env("STATE_DIRECTORY"), ":"); first != "" {
		return filepath.Join(first, "nats")
	}
	return stateFolder("nats", env)
}

// recordedOf are the streams of the file's recorded cameras.
func recordedOf(f file) bus.Recorded { return publisher.Config{Cameras: f.Cameras}.Recorded() }

// placeStreams makes sure that this process's broker can keep the streams of the cameras that are
// recorded: that it has a store that is kept, and room in it for all of them.
func (s *session) placeStreams(f *file) error {
	recorded := recordedOf(*f)
	if len(recorded) == 0 {
		return nil
	}
	if f.Broker.NoJetStream {
		return fmt.Errorf("broker.no_jetstream is set and %s: remove one of them", are(recorded, "recorded"))
	}
	var sum bytesize.Bytes
	for _, id := range slices.Sorted(maps.Keys(recorded)) {
		sum += bytesize.Bytes(recorded[id].Bytes)
		if n := recorded[id].Replicas; n > 1 {
			return fmt.Errorf("cameras.%s.record.replicas is %d, and the broker of lensbus is one server: leave it away, or use a cluster of NATS servers (lensbus provision)", id, n)
		}
	}
	if most := f.Broker.OrDefaults().MaxFileStore; sum > most {
		return fmt.Errorf("the buffer_bytes of the recorded cameras are %s together and broker.max_file_store is %s: raise that, or keep less (%s)", sum, most, are(recorded, "recorded"))
	}
	if f.Broker.Store == "" {
		if f.Broker.Store = storeFolder(os.Getenv); f.Broker.Store == "" {
			return fmt.Errorf("%s and there is no place to keep their frames: say where with --store, LENSBUS_STORE or broker.store", are(recorded, "recorded"))
		}
		s.log.Info("recorded cameras: the broker keeps their frames", "store", f.Broker.Store)
	}
	if r, err := diskRoom(f.Broker.Store); err == nil && r.free+r.used < int64(sum) {
		s.log.Warn("the volume of the broker's store has less room than recorded cameras may take: when it is full, nothing is stored until there is room",
			"store", f.Broker.Store, "room", size(r.free+r.used), "buffer_bytes", sum)
	}
	return nil
}

// are says which cameras are something.
func are(cameras bus.Recorded, what string) string {
	ids := slices.Sorted(maps.Keys(cameras))
	if len(ids) == 1 {
		return fmt.Sprintf("camera %s is %s", ids[0], what)
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = string(id)
	}
	return fmt.Sprintf("cameras %s are %s", strings.Join(names, ", "), what)
}

// streams are those that this process's broker keeps: of the recorded cameras of a file, and of what its
// users publish.
type streams struct {
	wanted  bus.Latest[bus.Recorded]
	durable string // name of the file's recorder's consumers; "": the default one
	kept    bool   // the broker's store is
}

// newStreams makes the streams of the file's recorded cameras, so that no frame comes before they are
// there. What goes wrong is for the role to say, and to mend.
func (s *session) newStreams(ctx context.Context, conn *bus.Conn, f file) *streams {
	k := &streams{kept: f.Broker.Store != "", durable: f.Recorder.Durable}
	recorded := recordedOf(f)
	k.wanted.Put(recorded)
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	if conn.WaitConnected(ctx) != nil {
		return k
	}
	for _, id := range slices.Sorted(maps.Keys(recorded)) {
		plan, err := conn.Provision(ctx, id, recorded[id])
		if err != nil {
			break
		}
		if plan.Action != bus.StreamKept {
			s.log.Info("stream "+string(plan.Action), "camera", id, "stream", plan.Stream, "changes", plan.Changes)
		}
	}
	return k
}

// role looks after the streams.
func (k *streams) role(server *broker.Server, conn *bus.Conn) role {
	return role{"streams", func(ctx context.Context) error {
		var keeping sync.WaitGroup
		defer keeping.Wait()
		keeping.Go(func() { k.keepNewest(ctx, server, conn) })
		if server.Credentials() != nil { // else everybody may ask the server himself
			keeping.Go(func() { conn.ServeNewest(ctx, server.SiteOf) })
		}
		conn.KeepStreams(ctx, &k.wanted, func(id frame.CameraID) []string { return durablesWith(k.durable, server.Durables(id)) })
		return nil
	}}
}

// durablesWith are the names of recorders' consumers, with that of a file where it says one.
func durablesWith(durable string, more []string) []string {
	if durable != "" {
		more = append(more, durable)
	}
	return more
}

// want makes the streams those of a file that was read again. k may be nil.
func (k *streams) want(s *session, f file) {
	if k == nil {
		return
	}
	recorded := recordedOf(f)
	if !k.kept && len(recorded) > 0 {
		s.log.Error(are(recorded, "recorded") + " from now on, and the broker's store is temporary: what no recorder has fetched is lost when the broker ends. Restart it, and it takes one that is kept")
	}
	k.wanted.Put(recorded)
}

// reread is the role that follows the file, for a process without a publisher.
func (k *streams) reread(s *session, from fileFlag) role {
	return role{"configuration", func(ctx context.Context) error {
		if from.Config == "" {
			<-ctx.Done()
			return nil
		}
		s.reread(ctx, from, cameraFlags{}, s.life.hangups(), func(f file) { k.want(s, f) })
		return nil
	}}
}
