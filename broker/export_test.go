package broker

import (
	"bytes"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// What `lensbus auth export` writes makes the same of a NATS server of one's own.
func TestExportedRightsHold(t *testing.T) {
	folder := auth.Open(t.TempDir())
	viewer := user(t, folder, "viewer", auth.Viewer, "front")
	publisher := user(t, folder, "front", auth.Publisher, frame.CameraID("front"))
	users, err := folder.Users()
	if err != nil {
		t.Fatal(err)
	}
	var conf bytes.Buffer
	if err := auth.WriteNATSConf(&conf, users, false); err != nil {
		t.Fatal(err)
	}
	opts := new(server.Options)
	if err := opts.ProcessConfigString(conf.String()); err != nil {
		t.Fatalf("%v\n%s", err, &conf)
	}
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	enter := func(c auth.Credentials) *nats.Conn {
		key, err := c.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		nc, err := nats.Connect(s.ClientURL(), nats.Nkey(key, c.Sign), nats.CustomInboxPrefix(c.Inbox()), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	watching, sending := enter(viewer), enter(publisher)
	for subject, want := range map[string]bool{"cam.front.frame": true, "cam.yard.frame": false} {
		if got := refused(t, sending, func() error { return sending.Publish(subject, nil) }); got == want {
			t.Errorf("publish %s: refused %v", subject, got)
		}
		if got := refused(t, watching, func() error { _, err := watching.SubscribeSync(subject); return err }); got == want {
			t.Errorf("subscribe %s: refused %v", subject, got)
		}
	}
}
