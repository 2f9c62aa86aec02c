package publisher

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
	"github.com/lensbus/lensbus/test/logbook"
)

// seal_to comes, changes and goes while the publisher runs, and that it went is said by the camera's name.
func TestReloadOfSealing(t *testing.T) {
	r := newRig(t, CameraConfig{}, Deps{}) // gives a bus; its own camera is not of this test
	alice, bob, own := sealKey(t), sealKey(t), sealKey(t)
	with := func(to ...seal.Public) Config {
		return Config{Cameras: map[frame.CameraID]CameraConfig{"yard": {Source: "test:?width=64&height=48&fps=20", SealTo: to}}}
	}
	statuses := make(chan frame.Status, 1000)
	stop, err := r.conn.Statuses(func(s frame.Status) { statuses <- s }, "yard")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	reload := make(chan Config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var log logbook.Book
	go func() {
		defer close(ended)
		if err := Run(ctx, with(), Deps{Bus: r.conn, Reload: reload, SealKey: own, Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	patient, enough := context.WithTimeout(context.Background(), 3*patience)
	defer enough()
	epoch := ""
	// await waits for a new life of the camera and returns a snapshot of it with each key.
	await := func(what string, sealed bool) {
		t.Helper()
		for {
			select {
			case s := <-statuses:
				if s.State != frame.StateLive || s.Epoch == epoch {
					continue
				}
				if epoch = s.Epoch; s.Sealed != sealed {
					t.Fatalf("%s: the status says sealed: %t", what, s.Sealed)
				}
				return
			case <-patient.Done():
				t.Fatalf("%s: the camera did not begin anew", what)
			}
		}
	}
	opens := func(key seal.Key) bool {
		t.Helper()
		f, err := knowing(t, r.conn, key, own.Public()).Snapshot(patient, "yard", 0)
		if err != nil && !strings.Contains(err.Error(), "sealed") {
			t.Fatal(err)
		}
		return err == nil && f.Codec == frame.JPEG
	}
	await("at first", false)
	reload <- with(alice.Public())
	await("seal_to added", true)
	if !opens(alice) || opens(bob) {
		t.Error("seal_to added: it is not sealed to alice")
	}
	reload <- with(bob.Public())
	await("seal_to changed", true)
	if opens(alice) || !opens(bob) {
		t.Error("seal_to changed: it is not sealed to bob")
	}
	reload <- with()
	await("seal_to removed", false)
	if text := log.String(); strings.Count(text, "no longer sealed") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, "camera=yard") {
		t.Errorf("that it is no longer sealed is not said once, and of which camera:\n%s", text)
	}
	if with([]seal.Public{}...).Validate() == nil {
		t.Error("a list of nobody is taken")
	}
}
