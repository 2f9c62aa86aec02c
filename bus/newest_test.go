package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/logbook"
)

// serveNewest answers for a broker until the test ends.
func serveNewest(t *testing.T, inside *bus.Conn) {
	t.Helper()
	during(t, func(ctx context.Context) { inside.ServeNewest(ctx, nil) })
}

// Who may only watch has the newest frame from the broker's process, and has it sent to himself only.
func TestNewestOfAViewer(t *testing.T) {
	s, user := guarded(t)
	said := new(logbook.Book)
	inside, err := bus.Connect(context20(t), bus.Options{
		InProcess: s.InProcess(), Credentials: s.Credentials(), Log: slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inside.Close() })
	viewer := in(t, user(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front", "hall"}}))
	front := in(t, user(auth.User{Name: "front", Role: auth.Publisher, Cameras: []frame.CameraID{"front"}}))
	if _, err := viewer.Newest(context20(t), "front"); !errors.Is(err, bus.ErrNoPicture) {
		t.Errorf("a broker that does not answer: %v", err)
	}
	serveNewest(t, inside)
	eventually(t, func() bool { // the broker has read who front is, and makes its stream
		_, err := inside.EnsureStream(context20(t), "front")
		return err == nil
	})
	if _, err := viewer.Newest(context20(t), "front"); !errors.Is(err, bus.ErrNoPicture) {
		t.Errorf("before there is one: %v", err)
	}
	if _, err := viewer.Newest(context20(t), "hall"); !errors.Is(err, bus.ErrNoPicture) {
		t.Errorf("a camera without a stream: %v", err)
	}
	if err := newCamera(t, front, "front", 20_000).publish(context20(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		f, err := viewer.Newest(context20(t), "front")
		return err == nil && f.Seq == 1 && f.Camera == "front" && len(f.Data) > 0
	})
	// What the asker may not say himself, nobody says for him.
	heard, err := inside.NATS().SubscribeSync("elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{frame.CameraID("front").NewestSubject(), "cam.A.newest"} {
		if err := inside.NATS().PublishRequest(subject, "elsewhere", nil); err != nil {
			t.Fatal(err)
		}
	}
	// Each is looked at by one of many, in no order, and says so when it is left unanswered.
	eventually(t, func() bool {
		return strings.Count(said.String(), "a request for a newest frame that cannot be answered") == 2
	})
	if n, _, err := heard.Pending(); err != nil || n != 0 {
		t.Errorf("%d answers went elsewhere, %v", n, err)
	}
}

// On a NATS server where no process of lensbus answers, a viewer asks the server itself, if it may.
func TestNewestWithoutABroker(t *testing.T) {
	for name, test := range map[string]struct {
		more []string
		want error
	}{
		"allowed": {[]string{"$JS.API.DIRECT.GET.FRAMES_front.cam.front.frame"}, nil},
		"refused": {nil, bus.ErrNoPicture},
	} {
		t.Run(name, func(t *testing.T) {
			credentials, key, err := auth.NewCredentials(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front"}})
			if err != nil {
				t.Fatal(err)
			}
			rights := auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front"}}.Rights()
			url := natsServer(t, &server.Options{
				MaxPayload: 8 << 20, JetStream: true, StoreDir: t.TempDir(),
				Users: []*server.User{{Username: "boss", Password: "boss"}},
				Nkeys: []*server.NkeyUser{{Nkey: key, Permissions: &server.Permissions{
					Publish:   &server.SubjectPermission{Allow: append(rights.Publish, test.more...)},
					Subscribe: &server.SubjectPermission{Allow: rights.Subscribe},
				}}},
			})
			boss := connect(t, bus.Options{Server: strings.Replace(url, "://", "://boss:boss@", 1)})
			if err := boss.WaitConnected(context20(t)); err != nil {
				t.Fatal(err)
			}
			if _, err := boss.EnsureStream(context20(t), "front"); err != nil {
				t.Fatal(err)
			}
			if err := newCamera(t, boss, "front", 20_000).publish(context20(t)); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { _, err := boss.Newest(context20(t), "front"); return err == nil })
			viewer := connect(t, bus.Options{Server: url, Credentials: &credentials})
			if err := viewer.WaitConnected(context20(t)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if f, err := viewer.Newest(context20(t), "front"); !errors.Is(err, test.want) || err == nil && f.Seq != 1 {
					t.Errorf("%d, %v, want %v", f.Seq, err, test.want)
				}
			}
		})
	}
}
