//go:build hosts

package hosts

import (
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// restart is how long whatever starts processes again waits before it does.
const restart = time.Second

// fullWorld has cameras on two hosts, viewers on two and the recorder on one, all at work.
func fullWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, []frame.CameraID{"hall", "yard", "proof"}, "hub", "one", "two", "eye", "desk", "store", "page")
	w.startHub()
	w.publish("hall", w.hosts["one"])
	w.publish("yard", w.hosts["two"])
	w.publishProof("proof", w.hosts["two"])
	w.record(w.hosts["store"])
	w.recorder.start()
	w.watch("eye", w.hosts["eye"], "viewer", "hall", "yard", "proof")
	w.watch("desk", w.hosts["desk"], "viewer", "hall", "yard", "proof")
	return w
}

// done ends a world and reports what it has suffered.
func (w *world) done() {
	w.t.Helper()
	w.finish()
	w.account()
	w.checkMemory()
	proof := w.checkProof("proof")
	w.t.Logf("MEASURED: %d frames confirmed, %d of them not recorded; %d more are recorded", proof.Confirmed, proof.Missing, proof.Unconfirmed)
}

// TestRolesThatFail: each process in turn is killed, is frozen, and is restarted in order.
func TestRolesThatFail(t *testing.T) {
	t.Parallel()
	w := fullWorld(t)
	w.watch("browser", w.hosts["page"], "browser", "hall", "yard", "proof")
	all := []frame.CameraID{"hall", "yard", "proof"}
	publisher, eye, browser := w.publishers["hall"], w.viewers["eye"], w.viewers["browser"]
	everyone := []*process{publisher, w.publishers["yard"], eye.process, w.recorder}
	stop := func(all ...*process) func() {
		return func() {
			for _, p := range all {
				p.signal(syscall.SIGSTOP)
			}
		}
	}
	goOn := func(all ...*process) func() {
		return func() {
			for _, p := range all {
				p.signal(syscall.SIGCONT)
			}
		}
	}
	again := func(p *process) func() { return func() { p.start() } }

	w.suffer(fault{
		name: "broker killed", length: restart, begin: w.broker.kill, end: again(w.broker),
		hit: []hit{{how: "everybody", sees: w.everybody(), peers: everyone}}, unrecorded: all,
	})
	w.suffer(fault{
		name: "broker frozen", length: seconds(30, 20), begin: stop(w.broker), end: goOn(w.broker),
		hit: []hit{{how: "everybody", sees: w.everybody(), peers: everyone}}, unrecorded: all,
	})
	w.suffer(fault{
		name: "publisher killed", length: restart, begin: publisher.kill, end: again(publisher),
		hit: []hit{{how: "who watches its camera", sees: w.of("hall")}}, unrecorded: []frame.CameraID{"hall"},
	})
	w.suffer(fault{
		name: "publisher frozen", length: seconds(30, 15), begin: stop(publisher), end: goOn(publisher),
		hit: []hit{{how: "who watches its camera", sees: w.of("hall")}}, unrecorded: []frame.CameraID{"hall"},
	})
	w.suffer(fault{
		name: "viewer frozen", length: seconds(30, 15), begin: stop(eye.process, browser.process), end: goOn(eye.process, browser.process),
		hit: []hit{
			{how: "viewer of the bus", sees: w.by("eye"), back: 1500 * time.Millisecond},
			{how: "browser", sees: w.by("browser"), back: 1500 * time.Millisecond},
		},
	})
	w.suffer(fault{
		name: "page killed", length: restart, begin: w.web.kill, end: again(w.web),
		hit: []hit{{how: "browser", sees: w.by("browser")}},
	})
	w.suffer(fault{
		name: "page frozen", length: seconds(30, 15), begin: stop(w.web), end: goOn(w.web),
		hit: []hit{{how: "browser", sees: w.by("browser")}},
	})
	w.suffer(fault{name: "recorder killed", length: 5 * time.Second, begin: w.recorder.kill, end: again(w.recorder)})
	w.suffer(fault{name: "recorder frozen", length: seconds(45, 35), begin: stop(w.recorder), end: goOn(w.recorder)})
	// As whoever updates everything does it: one after the other, the next when all is well.
	for _, restarted := range []struct {
		name       string
		process    *process
		sees       []sees
		unrecorded []frame.CameraID
	}{
		{"broker", w.broker, w.everybody(), all},
		{"page", w.web, w.by("browser"), nil},
		{"recorder", w.recorder, nil, nil},
		{"publisher", publisher, w.of("hall"), []frame.CameraID{"hall"}},
		{"viewer", eye.process, w.by("eye"), nil},
		{"browser", browser.process, w.by("browser"), nil},
	} {
		var hits []hit
		if len(restarted.sees) > 0 {
			hits = []hit{{how: "who needs it", sees: restarted.sees}}
		}
		w.suffer(fault{
			name: restarted.name + " restarted", begin: restarted.process.end, end: again(restarted.process), hit: hits, unrecorded: restarted.unrecorded,
		})
	}
	w.done()
}
