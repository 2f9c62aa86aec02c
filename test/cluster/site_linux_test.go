package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// pair is a hub and a site of configs/scale, both of lensbus, and the link between them.
type pair struct {
	t         *testing.T
	hub, site *daemon
	link      *uplink
	folder    *auth.Folder // of the hub
	here      string       // where clients connect at the site
}

func startPair(t *testing.T) *pair {
	t.Helper()
	dir := t.TempDir()
	hubHost, siteHost, between := address(), address(), address()
	p := &pair{t: t, folder: auth.Open(filepath.Join(dir, "auth")), here: "nats://" + siteHost + ":4222"}
	server := "tls://" + hubHost + ":4222"
	if _, err := p.folder.Init(auth.InitOptions{Hosts: []string{hubHost, between}, Server: server}); err != nil {
		t.Fatal(err)
	}
	for _, u := range []auth.User{
		{Name: "site1", Role: auth.Site, Cameras: []frame.CameraID{"gate", "yard", "attic"}},
		{Name: "nvr", Role: auth.Recorder, All: true},
		{Name: "desk", Role: auth.Operator, All: true},
	} {
		if _, err := p.folder.Add(u, auth.AddOptions{Server: server}); err != nil {
			t.Fatal(err)
		}
	}
	config := func(name string, replacements ...string) string {
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(own, 0o700); err != nil {
			t.Fatal(err)
		}
		return copyConfig(t, own, name, append(replacements, "/var/lib/lensbus", filepath.Join(own, "store"))...)
	}
	p.hub = newDaemon(t, "hub", "lensbus", nil, "broker", "-c", config("hub.yaml", "0.0.0.0", hubHost, "/etc/lensbus/auth", p.folder.Path("")))
	p.site = newDaemon(t, "site", "lensbus", nil, "broker", "-c", config("site.yaml", "127.0.0.1:4222", siteHost+":4222",
		"hub.example.org", between, "/etc/lensbus/site1.creds", p.creds("site1")))
	p.link = newUplink(t, between+":7422", hubHost+":7422")
	p.hub.start()
	p.site.start()
	return p
}

func (p *pair) creds(user string) string {
	return p.folder.Path(filepath.Join(auth.CredentialsDir, user+".creds"))
}

// there connects to the hub.
func (p *pair) there(user string) *bus.Conn {
	p.t.Helper()
	credentials, err := auth.ReadCredentials(p.creds(user))
	if err != nil {
		p.t.Fatal(err)
	}
	return connect(p.t, "", &credentials)
}

// Cameras and the recorder of a site go on while its uplink is down, and the hub gets what it has missed:
// every frame, once, in both recordings.
func TestHubGetsWhatItHasMissed(t *testing.T) {
	t.Parallel() // it mostly waits
	p := startPair(t)
	dir := t.TempDir()
	atSite, atHub := filepath.Join(dir, "site"), filepath.Join(dir, "hub")
	conn := connect(t, p.here, nil)
	stopSite := record(t, conn, atSite, "gate", "yard")
	stopHub := record(t, p.there("nvr"), atHub, "gate")
	gate, yard := shoot(t, conn, "gate", 10, 30_000), shoot(t, conn, "yard", 5, 10_000)
	live := view(t, p.there("desk"), "gate")
	gate.confirms(t, 10)
	eventually(t, "the hub sees the site's camera", func() bool { return live.live.Stats().Received > 10 })

	type break_ struct {
		name  string
		state linkState
		lasts time.Duration
	}
	breaks := []break_{{"uplink cut", cut, 0}}
	if long() {
		breaks = []break_{{"uplink cut 5 min", cut, 5 * time.Minute}, {"uplink takes nothing 1 min", frozen, time.Minute}}
	}
	var all []*suffering
	for _, b := range breaks {
		memory(p.site)
		one := suffer(b.name, gate, live, p.hub)
		before := recordedFrames(t, gate, atSite)
		p.link.set(b.state)
		after(t, b.lasts)
		gate.confirms(t, 50) // the site stores, whoever is away
		eventually(t, "the site's recorder goes on", func() bool { return recordedFrames(t, gate, atSite) >= before+40 })
		received := live.live.Stats().Received
		p.link.set(linked)
		back := time.Now()
		eventually(t, "the hub sees the camera again", func() bool { return live.live.Stats().Received > received+5 })
		seen := time.Since(back)
		_, _, upTo := gate.counted()
		within(t, copyPatience, "the hub has recorded what it missed", func() bool { return recordedFrames(t, gate, atHub) >= upTo })
		if lost := live.live.Stats().Missed - one.before.missed; lost < 40 { // of the 50 that were stored meanwhile
			t.Errorf("%s: only %d pictures did not get through live: was it?", b.name, lost)
		}
		one.comment = fmt.Sprintf(" (live again after %.1f s, all there after %.1f s)", seen.Seconds(), time.Since(back).Seconds())
		one.over("hub " + memory(p.hub) + ", site " + memory(p.site))
		all = append(all, one)
	}

	// What only the site records can be asked for from the hub.
	ctx := t.Context()
	eventually(t, "the site's recorder answers at the hub", func() bool {
		ranges, err := p.there("desk").Ranges(ctx, "yard", time.Time{}, time.Time{})
		return err == nil && len(ranges.Spans) > 0
	})
	gate.finish(t)
	yard.finish(t)
	one := gate.recorded(t, atHub, stopHub)
	yard.recorded(t, atSite, func() {})
	two := gate.recorded(t, atSite, stopSite)
	for _, fault := range all {
		fault.report(t, atHub)
	}
	shown, sent, confirmed := gate.counted()
	table.note("gate of a site and its hub: %d frames, %d sent, %d confirmed; recorded at the hub %d, at the site %d; confirmed and lost: %d, %d",
		shown, sent, confirmed, one.Recorded, two.Recorded, one.Missing, two.Missing)
}

// copyPatience is how long a copy may take to go on: its server asks the site again after up to two minutes,
// and waits half a minute for an answer.
const copyPatience = 4 * time.Minute

// recordedFrames is how many frames of the camera are in the folder.
func recordedFrames(t testing.TB, c *camera, dir string) int {
	t.Helper()
	report, err := c.ledger.Check(dir, c.id)
	if err != nil {
		return 0 // there is nothing yet
	}
	return report.Recorded
}

// Live pictures cross the uplink only while somebody at the hub watches; and cameras of the site are found
// and asked there like any other.
func TestPicturesCrossForWatchers(t *testing.T) {
	t.Parallel() // it mostly waits
	p := startPair(t)
	attic := newDaemon(t, "publisher", "lensbus", nil, "publish", "--server", p.here, "--camera", "attic=test:?width=640&height=480&fps=15")
	attic.start()
	local := view(t, connect(t, p.here, nil), "attic")

	eventually(t, "the hub lists the site's camera", func() bool {
		out, err := run(t, "cameras", "--json", "--creds", p.creds("desk"))
		var cameras []struct {
			ID frame.CameraID `json:"id"`
		}
		return err == nil && json.Unmarshal([]byte(out), &cameras) == nil && len(cameras) == 1 && cameras[0].ID == "attic"
	})
	if out, err := run(t, "set", "attic", "quality=60", "--creds", p.creds("desk")); err != nil {
		t.Errorf("%s%v", out, err)
	}
	path := filepath.Join(t.TempDir(), "attic.jpg")
	if _, err := run(t, "snapshot", "attic", "-o", path, "--creds", p.creds("desk")); err != nil {
		t.Error(err)
	}

	// The hub keeps no picture of it: its newest is asked of the site.
	desk := p.there("desk")
	eventually(t, "the newest picture of the site's camera", func() bool {
		f, err := desk.Newest(t.Context(), "attic")
		return err == nil && f.Camera == "attic" && len(f.Data) > 0
	})

	// crossed is which part of the bytes that the camera publishes meanwhile goes over the uplink.
	crossed := func() float64 {
		began, up := local.live.Stats(), p.link.up.Load()
		eventually(t, "the site sees its camera", func() bool { return local.live.Stats().Received >= began.Received+30 })
		return float64(p.link.up.Load()-up) / float64(local.live.Stats().Bytes-began.Bytes)
	}
	var without, with float64
	eventually(t, "no picture crosses that nobody watches", func() bool { without = crossed(); return without < 0.2 })
	watching := view(t, desk, "attic")
	eventually(t, "pictures cross that somebody watches", func() bool { with = crossed(); return with > 0.8 && watching.live.Stats().Received > 0 })
	if err := watching.live.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no picture crosses once nobody watches any more", func() bool { return crossed() < 0.2 })
	table.note("of a camera's bytes, over the uplink: %.1f %% with nobody watching, %.0f %% with one", 100*without, 100*with)
}
