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

// siteWorld is a hub with a page, a recorder and a camera of its own, hall, and a site with two cameras, yard
// and gate. The hub copies what the site stores of gate and of no other.
func siteWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, nil, "hub", "site", "eye", "desk", "store")
	hub := w.hosts["hub"].address
	write := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("broker.yaml", fmt.Sprintf(`broker: {listen: %s:4222, leaf_listen: %s:7422, auth: %s, store: %s}
cameras:
  hall: {record: {buffer_age: 1h, buffer_bytes: 1GiB}}
  gate: {record: {from: site1, buffer_age: 1h, buffer_bytes: 1GiB}}
`, hub, hub, filepath.Join(w.dir, "auth"), filepath.Join(w.dir, "store")))
	w.auth("add", "site", "site1", "--cameras", "gate,yard")
	w.startHub()
	// As configs/scale/site.yaml has it.
	w.site = lensbus(t, w.dir, "site", w.hosts["site"], "broker", "-c", write("site.yaml", fmt.Sprintf(`broker:
  listen: 127.0.0.1:4222
  store: %s
  max_pending: 8MiB
  uplink: {server: "tls://%s:7422", creds: %s}
cameras:
  gate: {record: {buffer_age: 1h, buffer_bytes: 1GiB}}
  yard: {record: {buffer_age: 1h, buffer_bytes: 1GiB}}
`, filepath.Join(w.dir, "store-site"), hub, w.creds("site1"))), "--metrics-listen", "127.0.0.1:9466")
	w.site.start().says(0, `broker is ready`)
	w.recorded = []frame.CameraID{"hall", "gate"}
	w.publish("hall", w.hosts["store"])
	w.publishAtSite("yard")
	w.record(w.hosts["store"])
	w.recorder.start()
	return w
}

// publishAtSite is publish on the site's host, whose broker has no users.
func (w *world) publishAtSite(id frame.CameraID) {
	w.t.Helper()
	h := w.hosts["site"]
	port := fmt.Sprintf("127.0.0.1:%d", 9000+len(w.cameras))
	w.cameras[id] = role(w.t, w.dir, "camera-"+string(id), h, "camera", assignment{Cameras: []frame.CameraID{id}, Listen: port, FPS: w.fps, Bytes: cameraBytes}).start()
	w.publishers[id] = lensbus(w.t, w.dir, "publish-"+string(id), h,
		"publish", "--record", "--server", "nats://127.0.0.1:4222", "--camera", string(id)+"=http://"+port+"/", "--state", filepath.Join(w.dir, "state-"+string(id))).start()
}

// TestThinUplink: the uplink of a site carries half of what one camera sends. Somebody at the hub watches a
// camera of the site; the hub copies another; both at once. Then it carries twice of what a camera sends,
// and the copy catches up: every frame that the site's broker had confirmed.
func TestThinUplink(t *testing.T) {
	t.Parallel()
	w := siteWorld(t)
	length := seconds(90, 20)
	began := time.Now()
	eye := w.watch("eye", w.hosts["eye"], "viewer", "yard")
	eye.awaitCurrent(began)
	uplink := w.hosts["site"]

	uplink.thin(out, thinBits, thinQueue)
	if p99 := w.thinWatched("thin uplink, the viewer watches nothing else", "eye", length); p99 > time.Second {
		t.Errorf("what a site's thin uplink carries to a viewer who watches nothing else is %v old at p99", p99)
	}
	eye.end()
	uplink.widen()
	began = time.Now()
	desk := w.watch("desk", w.hosts["desk"], "viewer", "yard", "hall")
	desk.awaitCurrent(began)
	uplink.thin(out, thinBits, thinQueue)
	if p99 := w.thinWatched("thin uplink, the viewer also watches a camera of the hub", "desk", length); p99 > time.Second {
		t.Errorf("what a site's thin uplink carries to a viewer who watches a camera of the hub too is %v old at p99", p99)
	}
	desk.end()
	uplink.widen()

	w.publishers["gate"] = role(t, w.dir, "publish-gate", uplink, "proof", assignment{Cameras: []frame.CameraID{"gate"}, FPS: w.fps, Bytes: cameraBytes}).start()
	eventually(t, "the hub copies", func() bool { return w.missing("gate") < cameraFPS })
	w.recordsAll()
	uplink.thin(out, thinBits, thinQueue)
	w.peaks()
	from := time.Now()
	w.thinCopied(length)
	eye.start()
	w.thinWatched("thin uplink, what the hub copies crosses too", "eye", length)
	eye.end()
	missing := w.missing("gate")
	t.Logf("MEASURED: the copy is %d frames behind after %v, and the hub says %s", missing, time.Since(from).Round(time.Second), w.told("gate"))
	if missing < int(length.Seconds())*cameraFPS/2 {
		t.Errorf("a copy of a camera that sends twice what the uplink carries is %d frames behind after %v: is the uplink thin?", missing, 2*length)
	}
	widened := time.Now()
	uplink.thin(out, 4*thinBits, thinQueue)
	if !within(10*time.Minute, func() bool { return w.missing("gate") < 2*cameraFPS }) {
		t.Fatalf("with an uplink of twice the camera's rate, the copy does not catch up within 10 minutes: %d frames behind, and the hub says %s", w.missing("gate"), w.told("gate"))
	}
	caughtUp := time.Since(widened)
	w.publishers["gate"].end()
	eventually(t, "the copy has all", func() bool { return w.missing("gate") == 0 })
	peaks := w.peaks()
	w.finish()
	gate := w.read("gate")
	proof := w.checkProof("gate")
	lost, _, hole := gate.lost(from, widened)
	t.Logf("MEASURED: with twice of what is copied, all is there after %v; of %d frames confirmed at the site %d are not recorded at the hub", caughtUp.Round(time.Second), proof.Confirmed, proof.Missing)
	report(row{
		fault: "uplink of a site with half of what is copied", length: widened.Sub(from), memory: peaks,
		who:      fmt.Sprintf("the hub's copy: %d frames behind, and with twice the rate all there after %.0f s", missing, caughtUp.Seconds()),
		recorded: &gap{lost, hole},
	})
	for name, v := range w.viewers {
		if v.bad > 0 {
			t.Errorf("%s: %d pictures were not what a camera has shown", name, v.bad)
		}
	}
	w.checkMemory()
}

// thinWatched reports what a viewer at the hub sees of the site's camera for a while, and returns how old
// pictures are at the 99th percentile when all has settled. While there are copies nothing is promised: see
// docs/guide/scale.md.
func (w *world) thinWatched(name, viewer string, length time.Duration) (p99 time.Duration) {
	w.t.Helper()
	w.peaks()
	from := time.Now()
	pass(length)
	to := time.Now()
	peaks := w.peaks()
	settled := from.Add(length / 4)
	what := sees{viewer, "yard"}
	ages, b := w.ages(what, settled, to), w.viewers[viewer].between("yard", settled, to)
	if len(ages) == 0 {
		w.t.Errorf("%s: nothing is seen", name)
		return 0
	}
	p99 = ages[len(ages)*99/100]
	w.t.Logf("MEASURED: %s: age p50 %v p99 %v most %v; %d seen, %d not; memory %s", name,
		ages[len(ages)/2], p99, ages[len(ages)-1], len(ages), b.lost, peaks)
	report(row{who: fmt.Sprintf("%s, %.0f s", name, length.Seconds()), outage: b.outage, ages: ages, seen: len(ages), lost: b.lost, memory: peaks})
	return p99
}

// thinCopied lets time pass and notes how far the copy is, and what the hub says of it.
func (w *world) thinCopied(length time.Duration) {
	w.t.Helper()
	const steps = 6
	for range steps {
		pass(length / steps)
		w.t.Logf("MEASURED: the copy is %d frames behind, and the hub says %s", w.missing("gate"), w.told("gate"))
	}
}

// stored is how many frames of a camera the broker on a host has stored; 0 while it does not say so.
func (w *world) stored(at string, id frame.CameraID) int {
	task := assignment{Cameras: []frame.CameraID{id}}
	if at == "hub" {
		task.Credentials = w.creds("admin")
	}
	text, err := json.Marshal(task)
	if err != nil {
		w.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := w.hosts[at].command(self)
	cmd.Env = append(os.Environ(), envRole+"=stored", envTask+"="+string(text))
	out, err := cmd.Output()
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(out)))
	return n
}

// missing is how many frames the site has stored and the hub's copy has not.
func (w *world) missing(id frame.CameraID) int {
	at, copied := 0, 0
	eventually(w.t, "both brokers tell how much they have stored", func() bool {
		at, copied = w.stored("site", id), w.stored("hub", id)
		return at > 0 && copied > 0
	})
	return at - copied
}

// told is what the hub tells an operator of a copy.
func (w *world) told(id frame.CameraID) string {
	text := w.fetch(w.hosts["hub"], 9464, "/metrics")
	all := regexp.MustCompile(`(?m)^lensbus_broker_(copy_\w+\{camera="`+string(id)+`"\}|leaf_nodes) \S+$`).FindAllString(text, -1)
	return strings.Join(all, ", ")
}
