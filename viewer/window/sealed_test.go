package window

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
	"github.com/lensbus/lensbus/viewer"
)

// A camera whose frames nobody here can open says so; with the key it is shown.
func TestSealedCamera(t *testing.T) {
	url := startServer(t)
	conn := connect(t, url)
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(key, []seal.Public{key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := conn.Publisher("front")
	if err != nil {
		t.Fatal(err)
	}
	opening, err := bus.Connect(t.Context(), bus.Options{Server: url, Opener: seal.NewOpener(seal.Keys{Own: []seal.Key{key}})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opening.Close() })
	blind, err := newFeed(t.Context(), conn, "front", NewMetrics().camera("front"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blind.close() })
	p := newPaper()
	runPaper(t, opening, p, Config{Cameras: []frame.CameraID{"front"}})
	f := frame.Frame{Camera: "front", Epoch: frame.NewEpoch(), Codec: frame.JPEG, Width: 160, Height: 120, Key: true}
	pictures := red(t)
	said := false
	eventually(t, "one shows it, the other says why not", func() bool {
		f.Seq++
		f.Captured, f.Data = time.Now(), pictures[int(f.Seq)%len(pictures)]
		sealed, err := sealer.Seal(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = publisher.Publish(t.Context(), &sealed) // it may not be connected yet
		said = said || blind.measure(time.Now()).unopened == viewer.NoKey
		return said && p.isRed(50, 85)
	})
	if blind.ask(p.size()) {
		t.Error("there is something to decode")
	}
}
