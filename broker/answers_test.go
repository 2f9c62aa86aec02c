package broker

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
)

// redirected has the server's answers to everything that a user may publish sent to where they would do
// harm, JetStream's own interface above all: it is the asker who says where an answer goes.
func redirected(t *testing.T, nc *nats.Conn, u auth.User) {
	t.Helper()
	for _, subject := range u.Rights().Publish {
		subject = strings.NewReplacer(".*", ".front", ".>", ".frame", "INFO.front", "INFO.FRAMES_front", "GET.front", "GET.FRAMES_front", "NEXT.front", "NEXT.FRAMES_front").Replace(subject)
		for _, target := range []string{
			"$JS.API.STREAM.PURGE.FRAMES_yard", "$JS.API.CONSUMER.DELETE.FRAMES_yard.rec", "$JS.API.STREAM.DELETE.FRAMES_yard",
			"$JS.API.STREAM.UPDATE.FRAMES_yard", "$JS.API.STREAM.MSG.DELETE.FRAMES_yard", "$JS.API.CONSUMER.RESET.FRAMES_yard.rec",
		} {
			for _, body := range []string{"", "x", "1", `{"seq":1}`} {
				if err := nc.PublishRequest(subject, target, []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Who watches or publishes one camera does no harm to another with the server's answers. A recorder can,
// as docs/guide/security.md says: that shows that this test would see it.
func TestAnswersDoNoHarm(t *testing.T) {
	s, folder, _ := guarded(t, Config{Store: t.TempDir()})
	js := streams(t, s, "front", "yard")
	yard := enter(t, s, user(t, folder, "yard", auth.Publisher, "yard"))
	if _, err := yard.Request("cam.yard.frame", []byte("picture"), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	// A request to JetStream is answered after those that came before it.
	intact := func() error {
		_, purge := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "MARK", Subjects: []string{"mark"}})
		if err := errors.Join(purge, js.DeleteStream(t.Context(), "MARK")); err != nil {
			return err
		}
		stream, err := js.Stream(t.Context(), "FRAMES_yard")
		if err != nil {
			return err
		}
		if state := stream.CachedInfo().State; state.Msgs != 1 {
			return errors.New("frames are gone")
		}
		consumer, err := stream.Consumer(t.Context(), "rec")
		if err != nil {
			return err
		}
		if info := consumer.CachedInfo(); info.Delivered.Stream != 0 || info.AckFloor.Stream != 0 {
			return errors.New("the consumer has moved")
		}
		return nil
	}
	for _, role := range []auth.Role{auth.Publisher, auth.Viewer, auth.Operator, auth.Web} {
		c := user(t, folder, string(role), role, "front")
		redirected(t, enter(t, s, c), auth.User{Name: c.Name, Role: role, Cameras: c.Cameras})
		if err := intact(); err != nil {
			t.Fatalf("a %s: %v", role, err)
		}
	}
	c := user(t, folder, "recorder", auth.Recorder, "front")
	redirected(t, enter(t, s, c), auth.User{Name: c.Name, Role: auth.Recorder, Cameras: c.Cameras})
	eventually(t, func() bool { return intact() != nil })
}

// A header by which a message's way is told elsewhere takes nobody past his rights.
func TestTracesStayWithinRights(t *testing.T) {
	s, folder, _ := guarded(t, Config{})
	front := enter(t, s, user(t, folder, "front", auth.Publisher, "front"))
	for subject, want := range map[string]bool{"elsewhere": true, "cam.yard.frame": true, "$JS.API.STREAM.DELETE.FRAMES_yard": true, "cam.front.status": false} {
		if got := refused(t, front, func() error {
			return front.PublishMsg(&nats.Msg{Subject: "cam.front.frame", Header: nats.Header{"Nats-Trace-Dest": {subject}}})
		}); got != want {
			t.Errorf("a trace to %s: refused %v, want %v", subject, got, want)
		}
	}
}
