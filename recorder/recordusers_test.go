package recorder_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/ledger"
)

// users are those of a broker: an admin, and a recorder with a recorder's rights. nil are none.
type users struct {
	dir       string
	boss, nvr auth.Credentials
}

func (u *users) folder() string {
	if u == nil {
		return ""
	}
	return u.dir
}

func (u *users) recorder() *auth.Credentials {
	if u == nil {
		return nil
	}
	return &u.nvr
}

// options are those of the admin.
func (u *users) options(t testing.TB) []nats.Option {
	t.Helper()
	if u == nil {
		return nil
	}
	key, err := u.boss.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	secure, err := u.boss.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return []nats.Option{nats.Nkey(key, u.boss.Sign), nats.Secure(secure), nats.CustomInboxPrefix(u.boss.Inbox())}
}

// newGuardedRig is a rig whose broker has users, and somebody who looks after its streams.
func newGuardedRig(t testing.TB) *rig {
	t.Helper()
	u := &users{dir: filepath.Join(t.TempDir(), "auth")}
	folder := auth.Open(u.dir)
	read := func(path string, err error) (c auth.Credentials) {
		t.Helper()
		if err == nil {
			c, err = auth.ReadCredentials(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	u.boss = read(folder.Init(auth.InitOptions{}))
	u.nvr = read(folder.Add(auth.User{Name: "nvr", Role: auth.Recorder, All: true}, auth.AddOptions{}))
	g := &rig{t: t, store: t.TempDir(), users: u, ledger: ledger.New(), camera: "front", size: 4000}
	g.startBroker("127.0.0.1:0")
	t.Cleanup(func() { _ = g.server.Close() })
	g.url = g.server.URL()
	g.connect()
	g.newEpoch()
	conn, err := bus.Connect(soon(t), bus.Options{Server: g.url, Credentials: &u.boss})
	if err != nil {
		t.Fatal(err)
	}
	var wanted bus.Latest[bus.Recorded]
	wanted.Put(bus.Recorded{g.camera: {Age: time.Hour, Bytes: 512 << 20, Replicas: 1}})
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	keeping.Go(func() {
		conn.KeepStreams(ctx, &wanted, func(frame.CameraID) []string { return nil })
	})
	t.Cleanup(func() { cancel(); keeping.Wait(); _ = conn.Close() })
	eventually(t, "the recorder's consumer is made", func() bool {
		_, err := g.js.Consumer(soon(t), g.camera.StreamName(), bus.DefaultDurable)
		return err == nil
	})
	return g
}
