package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/free"
	"github.com/lensbus/lensbus/test/hitch"
)

// The user of the external server.
const user, password = "lens", "pass-w0rd-of-nats"

// startNATS runs a NATS server that knows nothing of lensbus, with its own defaults and one user,
// and returns its address.
func startNATS(t *testing.T, jetStream bool) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		Username: user, Password: password, JetStream: jetStream, StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s.Addr().String()
}

// TestExternalServer: somebody's own NATS server, reached in each of the ways in which NATS's own
// tools are told where it is and who asks.
func TestExternalServer(t *testing.T) {
	t.Parallel()
	address := startNATS(t, true)
	number := 0
	for name, way := range map[string]struct {
		args, env []string
	}{
		"--server":                           {args: []string{"--server", "nats://" + user + ":" + password + "@" + address}},
		"--server and the user of NATS_*":    {args: []string{"--server", "nats://" + address}, env: []string{"NATS_USER=" + user, "NATS_PASSWORD=" + password}},
		"LENSBUS_SERVER":                     {env: []string{"LENSBUS_SERVER=nats://" + user + ":" + password + "@" + address}},
		"NATS_URL, NATS_USER, NATS_PASSWORD": {env: []string{"NATS_URL=nats://" + address, "NATS_USER=" + user, "NATS_PASSWORD=" + password}},
		"--context":                          {args: []string{"--context", "mine"}, env: contextHome(t, address, "")},
		"NATS_CONTEXT":                       {env: append(contextHome(t, address, ""), "NATS_CONTEXT=mine")},
		"the selected context":               {env: contextHome(t, address, "mine")},
	} {
		number++
		camera := "cam" + strconv.Itoa(number) // all at once, on one server
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(args ...string) []string { return append(args, way.args...) }
			publisher := startWith(t, way.env, with("publish", "--camera", camera+"=test:?width=320&height=240&fps=20")...)
			web := startWith(t, way.env, with("web", "--listen", "127.0.0.1:0")...)
			page := web.pageURL()
			if p := openStream(t, page, camera).next(); !sameSize(pixels(t, p.data), 320, 240) {
				t.Error("the page's picture has another size")
			}
			eventually(t, "the broker keeps the newest picture", func() bool {
				code, stdout, _ := answerWith(t, way.env, with("snapshot", camera, "-o", "-")...)
				return code == 0 && sameSize(pixels(t, []byte(stdout)), 320, 240)
			})
			code, stdout, stderr := answerWith(t, way.env, with("cameras", "--json", "--wait", "2.1s")...)
			listed := slices.ContainsFunc(decode[[]frame.Status](t, stdout), func(s frame.Status) bool { return string(s.ID) == camera && s.Stream == "memory" })
			if code != 0 || !listed {
				t.Errorf("cameras --json: exit code %d, %s%s", code, stdout, stderr)
			}
			publisher.end(signals(0))
			web.end(signals(1))
			for _, p := range []*process{publisher, web} {
				if strings.Contains(p.stderr.String()+p.stdout.String(), password) {
					t.Errorf("%s shows the server's password: %s", p, p.stderr.String())
				}
			}
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		env := []string{"NATS_URL=nats://" + address, "NATS_USER=" + user, "NATS_PASSWORD=wrong-" + password}
		code, _, stderr := answerWith(t, env, "snapshot", "front", "-o", "-")
		if code != 1 || !strings.Contains(stderr, "does not let this user in") || strings.Contains(stderr, password) {
			t.Errorf("exit code %d, %s", code, stderr)
		}
	})
}

// contextHome makes a folder of NATS contexts with one of the name mine, and returns the variables
// that make it the user's.
func contextHome(t *testing.T, address, selected string) []string {
	t.Helper()
	home := t.TempDir()
	folder := filepath.Join(home, "nats", "context")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"url": "nats://" + address, "user": user, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{
		filepath.Join(folder, "mine.json"):         text,
		filepath.Join(home, "nats", "context.txt"): []byte(selected),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"XDG_CONFIG_HOME=" + home}
}

// TestServerWithoutJetStream: live pictures flow, and what falls away says so.
func TestServerWithoutJetStream(t *testing.T) {
	t.Parallel()
	url := "nats://" + user + ":" + password + "@" + startNATS(t, false)
	nc := connect(t, url)
	statuses, frames := subscribe(t, nc, "cam.front.status"), subscribe(t, nc, "cam.front.frame")
	publisher := start(t, "publish", "--server", url, "--camera", "front=test:?width=320&height=240&fps=20")
	page := start(t, "web", "--server", url, "--listen", "127.0.0.1:0").pageURL()
	prev := frames.frame()
	for range 20 {
		f := frames.frame()
		if f.MissedSince(&prev) > 0 {
			t.Errorf("frame %d after %d", f.Seq, prev.Seq)
		}
		prev = f
	}
	stream := openStream(t, page, "front")
	stream.next()
	stream.next()
	if code, body := get(t, page+"/cameras/front/snapshot.jpg"); code != 200 || !strings.HasPrefix(body, "\xff\xd8") {
		t.Errorf("the page's snapshot: %d, want the next picture", code)
	}
	publisher.say(&publisher.stderr, `level=WARN.*the server has no JetStream`)
	statuses.status("live", func(s frame.Status) bool {
		if s.Stream != "none" {
			t.Errorf("the status says that pictures are kept in %q", s.Stream)
		}
		return s.State == frame.StateLive
	})
	code, stdout, stderr := answer(t, "snapshot", "front", "-o", "-", "--server", url)
	checkOneLine(t, stderr)
	if code == 0 && sameSize(pixels(t, []byte(stdout)), 320, 240) {
		return // it waited for the next picture
	}
	if code != 1 || !strings.Contains(stderr, "no picture kept by the server") {
		t.Errorf("snapshot: exit code %d, %s", code, stderr)
	}
}

// TestPicturesLargerThanTheServerTakes: a NATS server's own max_payload is 1 MiB. Pictures over that
// come smaller, whole, and with a warning.
func TestPicturesLargerThanTheServerTakes(t *testing.T) {
	t.Parallel()
	address := startNATS(t, true)
	url := "nats://" + user + ":" + password + "@" + address
	large := noise(t, 2, 1280, 960, 95)
	if len(large[0]) < 1<<20 {
		t.Fatalf("a picture of %d bytes is no test", len(large[0]))
	}
	nc := connect(t, url, nats.Name("test"))
	statuses, frames := subscribe(t, nc, "cam.front.status"), subscribe(t, nc, "cam.front.frame")
	start(t, "publish", "--server", url, "--camera", "front="+newCamera(t, 5, large).url)
	for range 5 {
		f := frames.frame()
		if img := pixels(t, f.Data); !sameSize(img, 1280, 960) || len(f.Data) > 1<<20 {
			t.Errorf("a picture of %v in %d bytes", img.Bounds(), len(f.Data))
		}
	}
	statuses.status("a warning", func(s frame.Status) bool {
		return strings.Contains(strings.Join(s.Warnings, "\n"), "max_payload")
	})
}

// TestServerComesLater: everybody waits for it, without a time-out.
func TestServerComesLater(t *testing.T) {
	hitch.Judge(t, func(t *testing.T) hitch.Problems {
		var found hitch.Problems
		address := free.Address(t)
		url := "nats://" + address
		publisher := start(t, "publish", "--server", url, "--camera", "front=test:?width=320&height=240&fps=20")
		page := start(t, "web", "--server", url, "--listen", "127.0.0.1:0").pageURL()
		publisher.say(&publisher.stderr, `no NATS server, trying on`)
		if code, _ := get(t, page+"/readyz"); code != 503 {
			t.Errorf("/readyz without a server: %d, want 503", code)
		}
		watcher := startViewer(t, url, "front")
		began := time.Now()
		start(t, "broker", "--listen", address).brokerURL()
		got := watcher.until("a picture", func(view) bool { return true })
		if took := got.arrived.Sub(began); took > backBound {
			found.Add("the first picture came %v after the start of the broker", took)
		}
		eventually(t, "/readyz", func() bool { code, _ := get(t, page+"/readyz"); return code == 200 })
		return found
	})
}
