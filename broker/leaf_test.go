package broker

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/numbers"
)

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

// siteUser adds a site and returns where its credentials are.
func siteUser(t *testing.T, hub *Server, folder *auth.Folder, name string, cameras ...frame.CameraID) string {
	t.Helper()
	path, err := folder.Add(auth.User{Name: name, Role: auth.Site, Cameras: cameras}, auth.AddOptions{Server: hub.LeafURL()})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func messages(t *testing.T, js jetstream.JetStream, stream string) uint64 {
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		return 0
	}
	return s.CachedInfo().State.Msgs
}

// A stream of the hub has all that the site's has, by the rights that a site has, and what is published
// there reaches who watches here.
func TestSite(t *testing.T) {
	hub, folder, _ := guarded(t, Config{LeafListen: "127.0.0.1:0", Store: t.TempDir()})
	site := start(t, Config{Uplink: UplinkConfig{Creds: siteUser(t, hub, folder, "site1", "front")}, Store: t.TempDir()})
	eventually(t, site.Uplinked)
	here, there := jetStream(t, inside(t, site)), jetStream(t, inside(t, hub))
	if _, err := here.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FRAMES_front", Subjects: []string{"cam.front.frame"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := there.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FRAMES_front", Sources: []*jetstream.StreamSource{{
		Name: "FRAMES_front", External: &jetstream.ExternalStream{APIPrefix: auth.SiteAPI("site1"), DeliverPrefix: auth.SiteDelivery("site1")},
	}}}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := here.Publish(t.Context(), "cam.front.frame", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool { return messages(t, there, "FRAMES_front") == 20 })

	watching, err := there.Conn().SubscribeSync("cam.front.status")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { // once the site has heard of it
		if err := here.Conn().Publish("cam.front.status", nil); err != nil {
			t.Fatal(err)
		}
		_, err := watching.NextMsg(50 * time.Millisecond)
		return err == nil
	})
	if got, all := hub.Publishes(); len(got) > 0 || all || len(hub.Sites()) != 1 {
		t.Errorf("%v, %v, %v", got, all, hub.Sites())
	}
	eventually(t, func() bool {
		above, below := numbers.Of(t, hub.Metrics()), numbers.Of(t, site.Metrics())
		_, heard := above["lensbus_broker_copy_silent_seconds{front}"]
		behind, copied := above["lensbus_broker_copy_behind_frames{front}"]
		return heard && copied && behind == 0 && above["lensbus_broker_leaf_nodes"] == 1 && below["lensbus_broker_uplink_connected"] == 1
	})
	if err := folder.Remove("site1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		connected, is := numbers.Of(t, site.Metrics())["lensbus_broker_uplink_connected"]
		return is && connected == 0
	})
}

// A site may have users of its own, who may change while it is connected.
func TestSiteWithUsers(t *testing.T) {
	hub, above, _ := guarded(t, Config{LeafListen: "127.0.0.1:0"})
	site, folder, _ := guarded(t, Config{Uplink: UplinkConfig{Creds: siteUser(t, hub, above, "site1", "front")}})
	eventually(t, site.Uplinked)
	enter(t, site, user(t, folder, "front", auth.Publisher, "front"))
	if !site.Uplinked() {
		t.Error("the uplink was cut")
	}
}

// A site has as many cameras as a site may have.
func TestLargestSite(t *testing.T) {
	hub, folder, _ := guarded(t, Config{LeafListen: "127.0.0.1:0"})
	ids := make([]frame.CameraID, auth.MostSiteCameras)
	for i := range ids {
		ids[i] = frame.CameraID(fmt.Sprintf("%s-%05d", strings.Repeat("a", 26), i))
	}
	site := start(t, Config{Uplink: UplinkConfig{Creds: siteUser(t, hub, folder, "site1", ids...)}})
	eventually(t, site.Uplinked)
	watching, err := inside(t, hub).SubscribeSync(ids[len(ids)-1].FrameSubject())
	if err != nil {
		t.Fatal(err)
	}
	here := inside(t, site)
	eventually(t, func() bool { // once the site has heard of it
		if err := here.Publish(ids[len(ids)-1].FrameSubject(), nil); err != nil {
			t.Fatal(err)
		}
		_, err := watching.NextMsg(50 * time.Millisecond)
		return err == nil
	})
}

// leaf is somebody who speaks the protocol of leaf nodes and keeps to nothing that he is told.
type leaf struct {
	t    *testing.T
	conn net.Conn
	read *bufio.Reader
}

// asLeaf connects as a leaf node with the credentials.
func asLeaf(t *testing.T, hub *Server, c auth.Credentials, more map[string]any) *leaf {
	t.Helper()
	u, err := url.Parse(hub.LeafURL())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	l := &leaf{t, conn, bufio.NewReaderSize(conn, 16)}
	var info struct {
		Nonce string `json:"nonce"`
	}
	line := l.line()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil || info.Nonce == "" {
		t.Fatalf("%q: %v", line, err)
	}
	secure, err := c.TLS()
	if err != nil {
		t.Fatal(err)
	}
	secure.ServerName = "localhost"
	l.conn = tls.Client(conn, secure)
	l.read = bufio.NewReader(l.conn)
	key, err1 := c.PublicKey()
	signature, err2 := c.Sign([]byte(info.Nonce))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	connect := map[string]any{"nkey": key, "sig": base64.RawURLEncoding.EncodeToString(signature), "name": "x", "server_id": "x", "version": "2.15.2", "headers": true, "protocol": 1}
	for k, v := range more {
		connect[k] = v
	}
	data, err := json.Marshal(connect)
	if err != nil {
		t.Fatal(err)
	}
	l.send("CONNECT " + string(data) + "\r\nPING\r\n")
	return l
}

func (l *leaf) send(text string) {
	l.t.Helper()
	if _, err := l.conn.Write([]byte(text)); err != nil {
		l.t.Logf("send: %v", err) // the hub may have closed it
	}
}

func (l *leaf) line() string {
	text, _ := l.read.ReadString('\n')
	return strings.TrimRight(text, "\r\n")
}

// until reads lines until one has the beginning, and returns it; "" where the hub ends the connection.
func (l *leaf) until(beginning string) string {
	l.t.Helper()
	for {
		text, err := l.read.ReadString('\n')
		if err != nil {
			return ""
		}
		if text == "PING\r\n" {
			l.send("PONG\r\n")
		}
		if strings.HasPrefix(text, beginning) {
			return strings.TrimRight(text, "\r\n")
		}
	}
}

// What a site may not, the hub does not let it, whatever it says that it is.
func TestHostileSite(t *testing.T) {
	hub, folder, _ := guarded(t, Config{LeafListen: "127.0.0.1:0"})
	credentials, err := auth.ReadCredentials(siteUser(t, hub, folder, "site1", "front"))
	if err != nil {
		t.Fatal(err)
	}
	enter(t, hub, user(t, folder, "desk", auth.Viewer, "front")) // by now the hub knows the site
	nc := inside(t, hub)
	everything, err := nc.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for kind, more := range map[string]map[string]any{
		"a site": nil, "a hub": {"hub": true, "permissions": map[string]any{}},
	} {
		for subject, may := range map[string]bool{
			"cam.front.frame": true, "cam.front.status": true, "_INBOX.desk.x": true, "$JS.S.site1.S.abc": true, // or the others prove nothing
			"cam.yard.frame": false, "cam.yard.status": false, "cam.yard.control.set": false, "cam.front.control.set": false,
			"rec.front.ranges": false, "$SRV.PING": false, "$JS.API.STREAM.DELETE.FRAMES_yard": false, "$JS.API.CONSUMER.CREATE.FRAMES_yard": false,
			"$JS.S.site2.S.abc": false, "$JSC.R.site2.x.FRAMES_yard.c.r": false, "$SYS.REQ.SERVER.PING": false,
		} {
			l := asLeaf(t, hub, credentials, more)
			if l.until("PONG") == "" {
				t.Fatalf("%s: not let in", kind)
			}
			l.send(fmt.Sprintf("LMSG %s 1\r\nx\r\nPING\r\n", subject))
			l.until("PONG") // or cut off
			if err := nc.Publish("end", nil); err != nil {
				t.Fatal(err)
			}
			if got := seen(t, everything, subject); got != may {
				t.Errorf("%s publishes %s: %v", kind, subject, got)
			}
			_ = l.conn.Close()
		}

		// Everything that it listens to: what it may hear comes after what it may not.
		l := asLeaf(t, hub, credentials, more)
		if l.until("PONG") == "" {
			t.Fatalf("%s: not let in", kind)
		}
		l.send("LS+ >\r\nLS+ cam.*.frame\r\nLS+ $JS.API.>\r\nLS+ $JS.*.>\r\nLS+ _INBOX.>\r\nPING\r\n")
		if l.until("PONG") == "" {
			t.Fatalf("%s: cut off", kind)
		}
		for _, subject := range []string{"cam.yard.frame", "cam.front.frame", "cam.yard.control.get", "_INBOX.desk.x", "$JS.API.STREAM.INFO.FRAMES_front", "$JS.S.site1.S.x", "$JS.site2.API.STREAM.INFO.FRAMES_front", "$SRV.INFO.other", "cam.front.control.get", "end"} {
			if err := nc.Publish(subject, nil); err != nil {
				t.Fatal(err)
			}
		}
		heard := l.until("LMSG")
		if !strings.HasPrefix(heard, "LMSG cam.front.control.get ") {
			t.Errorf("%s hears %q", kind, heard)
		}
		_ = l.conn.Close()
		seen(t, everything, "")
	}
}

// seen says whether a message of the subject comes before one of "end".
func seen(t *testing.T, all *nats.Subscription, subject string) (is bool) {
	t.Helper()
	for {
		m, err := all.NextMsg(20 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject == "end" {
			return is
		}
		is = is || m.Subject == subject
	}
}

// Who is no site does not connect as one, and a site connects in no other way.
func TestWaysToConnect(t *testing.T) {
	hub, folder, _ := guarded(t, Config{LeafListen: "127.0.0.1:0"})
	path := siteUser(t, hub, folder, "site1", "front")
	viewer := user(t, folder, "desk", auth.Viewer, "front")
	enter(t, hub, viewer) // by now the hub knows both
	if l := asLeaf(t, hub, viewer, nil); l.until("-ERR") != "-ERR 'Authorization Violation'" {
		t.Error("a viewer connects as a leaf node")
	}
	site, err := auth.ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	opts, err := as(site)
	if err != nil {
		t.Fatal(err)
	}
	if nc, err := nats.Connect(hub.URL(), opts...); err == nil {
		nc.Close()
		t.Error("a site connects as a client")
	}
}

func TestLeafSettings(t *testing.T) {
	dir := t.TempDir()
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	viewer, err := folder.Add(auth.User{Name: "desk", Role: auth.Viewer, All: true}, auth.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	site, err := folder.Add(auth.User{Name: "site1", Role: auth.Site, Cameras: []frame.CameraID{"front"}}, auth.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"for everybody", Config{LeafListen: "0.0.0.0:0"}, "leaf_listen: no authentication: on 0.0.0.0:0 everybody"},
		{"nowhere", Config{LeafListen: "7422"}, "leaf_listen: \"7422\" is not HOST:PORT"},
		{"a bad domain", Config{Domain: "a.b"}, "domain: a.b: use 1 to 32"},
		{"no address", Config{Domain: "x", Uplink: UplinkConfig{Server: "http://:secret@x"}}, "uplink.server: address 1 is none"},
		{"no name", Config{Uplink: UplinkConfig{Server: "tls://hub.example.org"}}, "domain: an uplink without credentials needs one"},
		{"no file", Config{Uplink: UplinkConfig{Creds: dir + "/none"}}, "uplink: credentials file"},
		{"another's", Config{Uplink: UplinkConfig{Creds: viewer}}, "has the credentials of a viewer: want those of a site"},
		{"nowhere to", Config{Uplink: UplinkConfig{Creds: site}}, "uplink: where to?"},
		{"two names", Config{Domain: "site2", Uplink: UplinkConfig{Creds: site, Server: "tls://hub.example.org"}}, "the uplink's credentials are of the site site1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Listen = "127.0.0.1:0"
			s, err := Start(t.Context(), c.config, nil)
			if err == nil {
				_ = s.Close()
				t.Fatal("it starts")
			}
			if !strings.Contains(strings.ReplaceAll(err.Error(), `"a.b"`, "a.b"), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v", err)
			}
		})
	}
}
