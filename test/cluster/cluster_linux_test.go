package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	if long() {
		c.disk(front, gate)
	}
	var all []*suffering
	for _, fault := range faults {
		c.leader("front")
		one := suffer(fault.name, front, live, c.all()...)
		fault.do()
		if long() {
			c.leader("front")
			front.confirms(t, 20)
		}
		one.over("a server " + memory(c.all()...))
		all = append(all, one)
	}
	front.finish(t)
	gate.finish(t)
	one, two := front.recorded(t, recordings, func() {}), gate.recorded(t, recordings, stop)
	for _, fault := range all {
		fault.report(t, recordings)
	}
	for _, camera := range []struct {
		*camera
		recorded, missing int
	}{{front, one.Recorded, one.Missing}, {gate, two.Recorded, two.Missing}} {
		shown, sent, confirmed := camera.counted()
		table.note("%s: %d frames, %d sent, %d confirmed, %d recorded; confirmed and lost: %d", camera.id, shown, sent, confirmed, camera.recorded, camera.missing)
	}
}

// disk notes what a server writes to its disk, of what is published of cameras with three replicas.
func (c *trio) disk(all ...*camera) {
	c.t.Helper()
	count := func() (published, written int64) {
		for _, camera := range all {
			_, sent, _ := camera.counted()
			published += int64(sent) * int64(camera.size)
		}
		for _, server := range c.all() {
			written += server.written()
		}
		return published, written
	}
	published, written := count()
	after(c.t, time.Minute)
	nowPublished, nowWritten := count()
	table.note("of each byte that is published, each of three servers writes %.2f to its disk", float64(nowWritten-written)/3/float64(nowPublished-published))
}

// viewer counts what is seen of a camera.
type viewer struct {
	live *bus.Live

	mu      sync.Mutex
	last    time.Time     // when a frame came
	longest time.Duration // without
}

func view(t testing.TB, conn *bus.Conn, id frame.CameraID) *viewer {
	t.Helper()
	live, err := conn.Live(id)
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{live: live, last: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := live.Next(ctx); err != nil {
				return
			}
			v.mu.Lock()
			now := time.Now()
			v.longest, v.last = max(v.longest, now.Sub(v.last)), now
			v.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		_ = live.Close() // has no error
	})
	return v
}

// dark returns for how long nothing was seen at most, and begins anew.
func (v *viewer) dark() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	longest := max(v.longest, time.Since(v.last))
	v.longest = 0
	return longest
}

// after waits: what is tried is a time.
func after(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
