package broker

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// site is a broker that is connected to hub as a site of the cameras.
func site(t *testing.T, hub *Server, folder *auth.Folder, name string, cameras ...frame.CameraID) *Server {
	t.Helper()
	path, err := folder.Add(auth.User{Name: name, Role: auth.Site, Cameras: cameras}, auth.AddOptions{Server: hub.LeafURL()})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{Uplink: UplinkConfig{Creds: path}, Store: t.TempDir()})
	eventually(t, s.Uplinked)
	return s
}

// inside connects with all rights.
func inside(t *testing.T, s *Server) *nats.Conn {
	t.Helper()
	opts := []nats.Option{nats.InProcessServer(s.InProcess())}
	if s.Credentials() != nil {
		opts = append(opts, insideOf(t, s)...)
	}
	nc, err := nats.Connect("", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func jetStream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestSite(t *testing.T) {
	hub, folder, _ := guarded(t, Config{LeafListen: "127.0.0.1:0", Store: t.TempDir()})
	s := site(t, hub, folder, "site1", "front")
	here, there := inside(t, s), inside(t, hub)
	_, err := jetStream(t, here).CreateStream(t.Context(), jetstream.StreamConfig{Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}, AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := jetStream(t, there).CreateStream(t.Context(), jetstream.StreamConfig{Name: "FRAMES_front", AllowDirect: true, Sources: []*jetstream.StreamSource{{
		Name: "FRAMES_front", External: &jetstream.ExternalStream{APIPrefix: auth.SiteAPI("site1"), DeliverPrefix: auth.SiteDelivery("site1")},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 100 {
		if _, err := jetStream(t, here).Publish(t.Context(), "cam.front.frame", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool {
		info, err := copied.Info(t.Context())
		return err == nil && info.State.Msgs == 100
	})
	t.Log(time.Since(began))
	js := jetStream(t, there)
	c, err := js.CreateConsumer(t.Context(), "FRAMES_front", jetstream.ConsumerConfig{Durable: "rec", AckPolicy: jetstream.AckAllPolicy, FilterSubject: "cam.front.frame"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(m.Subject(), m.Headers(), m.Reply())
	l, err := there.Request("$JS.API.DIRECT.GET.FRAMES_front.cam.front.frame", nil, time.Second)
	t.Log(l, err)
}
