package cluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// One nats-server from configs/scale/server.conf does what a broker does, for users with their rights.
func TestOneServer(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	host := address()
	folder := auth.Open(filepath.Join(dir, "auth"))
	url := "tls://" + host + ":4222"
	admin, err := folder.Init(auth.InitOptions{Hosts: []string{host}, Server: url})
	if err != nil {
		t.Fatal(err)
	}
	people := make(map[string]*auth.Credentials)
	for _, u := range []auth.User{
		{Name: "front", Role: auth.Publisher, Cameras: []frame.CameraID{"front"}},
		{Name: "nvr", Role: auth.Recorder, All: true},
		{Name: "desk", Role: auth.Viewer, All: true},
	} {
		path, err := folder.Add(u, auth.AddOptions{Server: url})
		if err != nil {
			t.Fatal(err)
		}
		credentials, err := auth.ReadCredentials(path)
		if err != nil {
			t.Fatal(err)
		}
		people[u.Name] = &credentials
	}
	users, err := run(t, "auth", "export", "--dir", folder.Path(""))
	if err != nil {
		t.Fatal(err)
	}
	cameras := filepath.Join(dir, "cameras.yaml")
	for path, text := range map[string]string{filepath.Join(dir, "users.conf"): users, cameras: "cameras: {front: {record: true}}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := newDaemon(t, "server", "nats-server", nil, copyConfig(t, dir, "server.conf",
		"0.0.0.0", host, "/etc/lensbus/auth", folder.Path(""), "/var/lib/nats", filepath.Join(dir, "store")))
	server.start()
	var last error
	for deadline := time.Now().Add(patience); ; { // until it has started
		if _, last = run(t, "provision", "-c", cameras, "--creds", admin); last == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(last)
		}
	}
	recordings := filepath.Join(dir, "recordings")
	stop := record(t, connect(t, "", people["nvr"]), recordings, "front")
	live := view(t, connect(t, "", people["desk"]), "front")
	front := shoot(t, connect(t, "", people["front"]), "front", 20, 20_000)
	front.confirms(t, 10)
	server.kill() // what was confirmed is on disk
	server.start()
	front.confirms(t, 10)
	eventually(t, "pictures come", func() bool { return live.live.Stats().Received > 0 })
	front.finish(t)
	front.recorded(t, recordings, stop)
}
