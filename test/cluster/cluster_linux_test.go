package cluster

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// trio is a cluster of three nats-servers from configs/scale/cluster.conf.
type trio struct {
	t       testing.TB
	folder  *auth.Folder
	servers map[string]*daemon // by the server's name
	clients string             // where clients connect
	leafs   string             // where sites connect
	admin   jetstream.JetStream
}

// startTrio starts a cluster, with a publisher of front, a recorder of all cameras, and the site site1 with
// the camera gate.
func startTrio(t *testing.T) *trio {
	t.Helper()
	dir := t.TempDir()
	c := &trio{t: t, folder: auth.Open(filepath.Join(dir, "auth")), servers: make(map[string]*daemon)}
	hosts := []string{address(), address(), address()}
	var clients, leafs, routes []string
	password := rand.Text()
	for i, host := range hosts {
		clients = append(clients, "tls://"+host+":4222")
		leafs = append(leafs, "tls://"+host+":7422")
		routes = append(routes, fmt.Sprintf("n%d.example.org", i+1), host)
	}
	c.clients, c.leafs = strings.Join(clients, ","), strings.Join(leafs, ",")
	if _, err := c.folder.Init(auth.InitOptions{Hosts: hosts, Server: c.clients}); err != nil {
		t.Fatal(err)
	}
	for _, u := range []auth.User{
		{Name: "front", Role: auth.Publisher, Cameras: []frame.CameraID{"front"}},
		{Name: "nvr", Role: auth.Recorder, All: true},
		{Name: "desk", Role: auth.Viewer, All: true},
		{Name: "site1", Role: auth.Site, Cameras: []frame.CameraID{"gate"}},
	} {
		if _, err := c.folder.Add(u, auth.AddOptions{Server: c.clients}); err != nil {
			t.Fatal(err)
		}
	}
	users, err := run(t, "auth", "export", "--dir", c.folder.Path(""))
	if err != nil {
		t.Fatal(err)
	}
	for i, host := range hosts {
		name := fmt.Sprintf("n%d", i+1)
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(own, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "users.conf"), []byte(users), 0o600); err != nil {
			t.Fatal(err)
		}
		copyConfig(t, own, "cluster-routes.conf", append(routes, "CHANGE-ME", password)...)
		path := copyConfig(t, own, "cluster.conf", "0.0.0.0", host, "/etc/lensbus/auth", c.folder.Path(""), "/var/lib/nats", filepath.Join(own, "store"))
		c.servers[name] = newDaemon(t, name, "nats-server", []string{"LENSBUS_NODE=" + name}, path)
		c.servers[name].start()
	}
	if c.admin, err = jetstream.New(connect(t, "", c.user("admin")).NATS()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *trio) user(name string) *auth.Credentials {
	c.t.Helper()
	credentials, err := auth.ReadCredentials(c.folder.Path(filepath.Join(auth.CredentialsDir, name+".creds")))
	if err != nil {
		c.t.Fatal(err)
	}
	return &credentials
}

// provision makes the streams of configs/scale/cameras.yaml.
func (c *trio) provision() {
	c.t.Helper()
	creds := c.folder.Path(filepath.Join(auth.CredentialsDir, "admin.creds"))
	config := filepath.Join("..", "..", "configs", "scale", "cameras.yaml")
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); { // until the three have agreed on who leads
		if _, last = run(c.t, "provision", "-c", config, "--creds", creds); last == nil {
			return
		}
	}
	c.t.Fatal(last)
}

// stream returns how the camera's stream is; nil where nobody says so now.
func (c *trio) stream(id frame.CameraID) *jetstream.StreamInfo {
	s, err := c.admin.Stream(c.t.Context(), id.StreamName())
	if err != nil {
		return nil
	}
	return s.CachedInfo()
}

// leader waits until the camera's stream has a leader, and all its replicas, and returns the leader.
func (c *trio) leader(id frame.CameraID) *daemon {
	c.t.Helper()
	var leader *daemon
	eventually(c.t, "the stream of "+string(id)+" is whole", func() bool {
		info := c.stream(id)
		if info == nil || info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
			return false
		}
		for _, replica := range info.Cluster.Replicas {
			if replica.Offline || !replica.Current {
				return false
			}
		}
		leader = c.servers[info.Cluster.Leader]
		return leader != nil
	})
	return leader
}

func (c *trio) all() []*daemon {
	return []*daemon{c.servers["n1"], c.servers["n2"], c.servers["n3"]}
}

// A server of a cluster that dies or freezes, the leader of a stream too, takes no frame that was confirmed;
// of a camera there, and of one of a site. So it is when all are restarted in turn.
func TestClusterLosesNothingConfirmed(t *testing.T) {
	t.Parallel() // it mostly waits
	c := startTrio(t)
	dir := t.TempDir()
	site := filepath.Join(dir, "site")
	host := address()
	if err := os.MkdirAll(site, 0o700); err != nil {
		t.Fatal(err)
	}
	edge := newDaemon(t, "site", "lensbus", nil, "broker", "-c", copyConfig(t, site, "site.yaml",
		"127.0.0.1:4222", host+":4222", "/var/lib/lensbus", filepath.Join(site, "store"),
		"tls://hub.example.org:7422", c.leafs, "/etc/lensbus/site1.creds", c.folder.Path(filepath.Join(auth.CredentialsDir, "site1.creds"))))
	edge.start()
	c.provision()

	recordings := filepath.Join(dir, "recordings")
	stop := record(t, connect(t, "", c.user("nvr")), recordings, "front", "gate")
	watching := connect(t, "", c.user("desk"))
	front := shoot(t, connect(t, "", c.user("front")), "front", 15, 20_000)
	gate := shoot(t, connect(t, "nats://"+host+":4222", nil), "gate", 10, 20_000)
	live := view(t, watching, "front")
	front.confirms(t, 20)
	gate.confirms(t, 20)

	faults := []struct {
		name string
		do   func()
	}{
		{"leader of a stream killed", func() {
			leader := c.leader("front")
			leader.kill()
			front.confirms(t, 20)
			gate.confirms(t, 20)
			leader.start()
		}},
	}
	if long() {
		faults = append(faults, []struct {
			name string
			do   func()
		}{
			{"leader frozen 30 s", func() {
				leader := c.leader("front")
				leader.freeze()
				after(t, 30*time.Second)
				front.confirms(t, 20)
				leader.thaw()
			}},
			{"leader of a copy killed", func() {
				leader := c.leader("gate")
				leader.kill()
				gate.confirms(t, 20)
				leader.start()
			}},
			{"rolling restart", func() {
				for _, server := range c.all() {
					c.leader("front")
					c.leader("gate")
					server.end()
					server.start()
					front.confirms(t, 20)
				}
			}},
		}...)
	}
	for _, fault := range faults {
		c.leader("front")
		front.silence()
		sent, confirmed := front.counted()
		missed := live.missed()
		fault.do()
		if long() {
			c.leader("front")
			front.confirms(t, 20)
		}
		nowSent, nowConfirmed := front.counted()
		table.add("%s\t%.1f s\t%d\t%d\t%d\t\t\t%s", fault.name, front.silence().Seconds(), nowSent-sent, nowConfirmed-confirmed, live.missed()-missed, memory(c.all()...))
	}
	front.finish(t)
	gate.finish(t)
	one, two := front.recorded(t, recordings, func() {}), gate.recorded(t, recordings, stop)
	sent, confirmed := front.counted()
	table.add("front, in all\t\t%d\t%d\t\t%d\t%d\t%s", sent, confirmed, one.Missing, one.Recorded, memory(c.all()...))
	sent, confirmed = gate.counted()
	table.add("gate of the site, in all\t\t%d\t%d\t\t%d\t%d\t%s", sent, confirmed, two.Missing, two.Recorded, memory(edge))
}

// viewer counts what is seen of a camera.
type viewer struct{ live *bus.Live }

func view(t testing.TB, conn *bus.Conn, id frame.CameraID) viewer {
	t.Helper()
	live, err := conn.Live(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = live.Close() }) // has no error
	return viewer{live}
}

func (v viewer) missed() uint64 { return v.live.Stats().Missed }

// after waits: what is tried is a time.
func after(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
