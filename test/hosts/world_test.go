//go:build hosts

package hosts

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// world is a whole lensbus on several hosts, as the guide says to set it up: users, TLS, a credentials
// file a machine, cameras that the broker's file has recorded.
type world struct {
	*network
	t   *testing.T
	dir string

	url, page, token, ca string
	recordings           string

	broker, web, recorder *process
	site                  *process // the broker of a site of this one; most worlds have none
	recorded              []frame.CameraID
	cameras               map[frame.CameraID]*process // what shows pictures, where that is a process of its own
	publishers            map[frame.CameraID]*process
	viewers               map[string]*viewing
	fps                   float64
	suffered              []suffered
}

const (
	cameraFPS   = 10
	cameraBytes = 40_000
	pageUser    = "watcher"
	skew        = 7 * time.Minute
)

// newWorld makes the hosts, users and the broker's file; recorded cameras are those.
func newWorld(t *testing.T, recorded []frame.CameraID, hosts ...string) *world {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv(envWork), t.Name()+"-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		network: newNetwork(t, hosts...), t: t, dir: dir, recorded: recorded, recordings: filepath.Join(dir, "recordings"), fps: cameraFPS,
		cameras: make(map[frame.CameraID]*process), publishers: make(map[frame.CameraID]*process), viewers: make(map[string]*viewing),
	}
	hub := w.hosts["hub"]
	w.url, w.page = "tls://"+hub.address+":4222", "https://"+hub.address+":8080"
	w.auth("init", "--host", hub.address, "--server", w.url)
	w.ca = filepath.Join(dir, "auth", "ca.crt")
	w.auth("add", "web", "page")
	w.auth("add", "recorder", "recorder")
	w.auth("add", "viewer", "viewer", "--cameras", "*")
	w.token = lastWord(w.auth("page", "add", pageUser, "--cameras", "*", "--token"))
	config := "broker:\n  listen: " + hub.address + ":4222\n  auth: " + filepath.Join(dir, "auth") + "\n  store: " + filepath.Join(dir, "store") + "\ncameras:\n"
	for _, id := range recorded {
		config += "  " + string(id) + ": {record: {buffer_age: 1h, buffer_bytes: 1GiB}}\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "broker.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.broker = lensbus(t, dir, "broker", hub, "broker", "-c", filepath.Join(dir, "broker.yaml"), "--metrics-listen", "127.0.0.1:9464")
	w.web = lensbus(t, dir, "web", hub, "web", "--listen", hub.address+":8080", "--auth", filepath.Join(dir, "auth"), "--creds", w.creds("page"))
	return w
}

func (w *world) auth(args ...string) string {
	w.t.Helper()
	return answer(w.t, w.dir, w.hosts["hub"], append(append([]string{"auth"}, args...), "--dir", filepath.Join(w.dir, "auth"))...)
}

func lastWord(text string) string {
	words := strings.Fields(text)
	return words[len(words)-1]
}

func (w *world) creds(name string) string {
	return filepath.Join(w.dir, "auth", "credentials", name+".creds")
}

// publish puts a camera on a host, with `lensbus publish` beside it.
func (w *world) publish(id frame.CameraID, h *host) {
	w.t.Helper()
	port := fmt.Sprintf("127.0.0.1:%d", 9000+len(w.cameras))
	w.cameras[id] = role(w.t, w.dir, "camera-"+string(id), h, "camera", assignment{Cameras: []frame.CameraID{id}, Listen: port, FPS: w.fps, Bytes: cameraBytes}).start()
	w.auth("add", "publisher", string(id))
	w.publishers[id] = lensbus(w.t, w.dir, "publish-"+string(id), h,
		"publish", "--record", "--camera", string(id)+"=http://"+port+"/", "--creds", w.creds(string(id)), "--state", filepath.Join(w.dir, "state-"+string(id))).start()
}

// publishSkewed is publish on a machine whose clock is ahead by skew.
func (w *world) publishSkewed(id frame.CameraID, h *host) {
	w.t.Helper()
	port := fmt.Sprintf("127.0.0.1:%d", 9000+len(w.cameras))
	w.cameras[id] = role(w.t, w.dir, "camera-"+string(id), h, "camera", assignment{Cameras: []frame.CameraID{id}, Listen: port, FPS: w.fps, Bytes: cameraBytes}).start()
	w.auth("add", "publisher", string(id))
	w.publishers[id] = role(w.t, w.dir, "publish-"+string(id), h, "skewed", assignment{
		Cameras: []frame.CameraID{id}, Credentials: w.creds(string(id)), URL: "http://" + port + "/", Skew: skew,
	}).start()
}

// publishProof publishes pictures of which it is written down what the broker has confirmed.
func (w *world) publishProof(id frame.CameraID, h *host) {
	w.t.Helper()
	w.auth("add", "publisher", string(id))
	w.publishers[id] = role(w.t, w.dir, "publish-"+string(id), h, "proof", assignment{
		Cameras: []frame.CameraID{id}, Credentials: w.creds(string(id)), FPS: w.fps, Bytes: cameraBytes,
	}).start()
}

// watch puts a viewer on a host: through package bus, or through the page.
func (w *world) watch(name string, h *host, kind string, cameras ...frame.CameraID) *viewing {
	w.t.Helper()
	v := &viewing{process: role(w.t, w.dir, name, h, kind, assignment{
		Cameras: cameras, Credentials: w.creds("viewer"), URL: w.page, Token: w.token, CA: w.ca,
	}), cameras: cameras}
	w.viewers[name] = v
	v.start()
	return v
}

// record puts a recorder on a host. It is not started.
func (w *world) record(h *host) {
	w.t.Helper()
	args := []string{"record", "--dir", w.recordings, "--creds", w.creds("recorder"), "--metrics-listen", "127.0.0.1:9465"}
	for _, id := range w.recorded { // not all are published by lensbus, which tells a recorder of its cameras
		args = append(args, string(id))
	}
	w.recorder = lensbus(w.t, w.dir, "record", h, args...)
}

func (w *world) startHub() {
	w.t.Helper()
	from := w.broker.said()
	w.broker.start().says(from, `broker is ready`)
	w.web.start()
}

// processes are all of lensbus and of this test that take part in carrying pictures, by name.
func (w *world) processes() map[string]*process {
	all := map[string]*process{"broker": w.broker, "page": w.web}
	if w.recorder != nil {
		all["recorder"] = w.recorder
	}
	if w.site != nil {
		all["site"] = w.site
	}
	for id, p := range w.publishers {
		all["publisher "+string(id)] = p
	}
	for name, v := range w.viewers {
		all["viewer "+name] = v.process
	}
	return all
}

// fetch gets a path from the numbers of a process that serves them on its host's loopback.
func (w *world) fetch(h *host, port int, path string) string {
	task, err := json.Marshal(assignment{URL: fmt.Sprintf("http://127.0.0.1:%d%s", port, path)})
	if err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := h.command(self)
	cmd.Env = append(os.Environ(), envRole+"=get", envTask+"="+string(task))
	text, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(text)
}

// lag is how many frames wait for the recorder in all; false where it does not say so of every camera.
func (w *world) lag() (frames float64, known bool) {
	text := w.fetch(w.recorder.host, 9465, "/metrics")
	lines := lagLine.FindAllStringSubmatch(text, -1)
	for _, m := range lines {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			w.t.Fatal(err)
		}
		frames += n
	}
	return frames, len(lines) == len(w.recorded)
}

var lagLine = regexp.MustCompile(`(?m)^lensbus_recorder_lag_frames\{[^}]*\} (\S+)$`)

// metric is a number without labels in what Prometheus reads; -1 where it is not there.
func metric(text, name string) float64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return n
			}
		}
	}
	return -1
}

// finish ends all who publish, waits until everything that the broker has is recorded, and ends the
// rest.
func (w *world) finish() {
	w.t.Helper()
	for _, p := range w.publishers {
		if p.cmd != nil { // some have ended before
			p.end()
		}
	}
	calm := 0
	eventually(w.t, "all that the broker has is recorded", func() bool {
		frames, known := w.lag()
		if calm++; !known || frames > 0 {
			calm = 0
		}
		return calm >= 3
	})
	w.recorder.end()
	for _, v := range w.viewers {
		if v.cmd != nil {
			v.end()
		}
	}
	w.web.end()
	if w.site != nil {
		w.site.end()
	}
	w.broker.end()
}
