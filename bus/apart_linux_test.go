package bus_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/hitch"
	"github.com/lensbus/lensbus/test/numbers"
)

// A hub and a site whose uplink can be made thin, and who may do everything at each, and what a viewer at the
// hub needs.
type uplinked struct {
	uplink    *slowLink
	hub, site *bus.Conn
	viewer    bus.Options
}

// openSite has no users, and nobody who asks the site for the newest pictures.
func openSite(t *testing.T) uplinked {
	t.Helper()
	above := startBroker(t, broker.Config{LeafListen: "127.0.0.1:0"})
	_, at, _ := strings.Cut(above.LeafURL(), "://")
	uplink := newSlowUplink(t, at, 0)
	below := startBroker(t, broker.Config{Domain: "site1", Uplink: broker.UplinkConfig{Server: "nats://" + uplink.listener.Addr().String()}})
	eventually(t, below.Uplinked)
	return uplinked{uplink, connect(t, bus.Options{Server: above.URL()}), connect(t, bus.Options{Server: below.URL()}), bus.Options{Server: above.URL()}}
}

// guardedSite is of brokers as `lensbus broker` runs them.
func guardedSite(t *testing.T) uplinked {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	// All before there is a broker: it need not read them again then.
	user := func(u auth.User) string {
		path, err := folder.Add(u, auth.AddOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	credentials := func(u auth.User) *auth.Credentials {
		c, err := auth.ReadCredentials(user(u))
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	viewer := credentials(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"yard", "hall"}})
	operator := credentials(auth.User{Name: "operator", Role: auth.Admin})
	atSite := user(auth.User{Name: "site1", Role: auth.Site, Cameras: []frame.CameraID{"yard"}})
	above := startBroker(t, broker.Config{Auth: dir, LeafListen: "127.0.0.1:0"})
	_, at, _ := strings.Cut(above.LeafURL(), "://")
	uplink := newSlowUplink(t, at, 0)
	below := startBroker(t, broker.Config{Uplink: broker.UplinkConfig{Server: "tls://" + uplink.listener.Addr().String(), Creds: atSite}})
	eventually(t, below.Uplinked)
	hub := connect(t, bus.Options{Server: above.URL(), Credentials: operator})
	ctx, cancel := context.WithCancel(context.Background())
	answering := make(chan struct{})
	go func() {
		defer close(answering)
		hub.ServeNewest(ctx, func(id frame.CameraID) string {
			if id == "yard" {
				return "site1"
			}
			return ""
		})
	}()
	t.Cleanup(func() { cancel(); <-answering })
	return uplinked{uplink, hub, connect(t, bus.Options{Server: below.URL()}), bus.Options{Server: above.URL(), Credentials: viewer}}
}

// Of a site whose uplink carries half of what a camera there sends, a viewer at the hub sees the present, also where
// it watches a camera of the hub too, of which it misses nothing. Plain subscriptions would show pictures that
// are older and older: half as old as this goes on.
func TestAThinUplinkIsNoAffairOfOtherCameras(t *testing.T) {
	for name, start := range map[string]func(*testing.T) uplinked{"Guarded": guardedSite, "Open": openSite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hitch.Judge(t, func(t *testing.T) hitch.Problems { return thinUplink(t, start(t)) })
		})
	}
}

func thinUplink(t *testing.T, at uplinked) (found hitch.Problems) {
	const size, fps, pictures = 40_000, 10, 30
	yard, hall := newCamera(t, at.site, "yard", size), newCamera(t, at.hub, "hall", size)
	_, _ = at.site.EnsureStream(context20(t), "yard")
	_, _ = at.hub.EnsureStream(context20(t), "hall")
	yard.start(fps)
	hall.start(fps)

	viewer := connect(t, at.viewer)
	watch := func(id frame.CameraID) *bus.Live {
		live, err := viewer.Live(id)
		if err != nil {
			t.Fatal(err)
		}
		return live
	}
	ofYard, ofHall := watch("yard"), watch("hall")
	// A link that has fallen behind, be it because the machine stood still, tries again once a minute at least.
	subscribed := func(live *bus.Live) {
		for deadline := time.Now().Add(2*time.Minute + patience); live.Stats().Fetching && time.Now().Before(deadline); {
			fetched := live.Stats().Received
			eventually(t, func() bool { return live.Stats().Received > fetched })
		}
		before := live.Stats().Received
		eventually(t, func() bool { return !live.Stats().Fetching && live.Stats().Received > before+fps })
	}
	subscribed(ofHall)
	subscribed(ofYard)

	before := ofHall.Stats()
	at.uplink.rate.Store(size * fps / 2)
	eventually(t, func() bool { return ofYard.Stats().Fetching })
	if ofHall.Stats().Fetching {
		found.Add("the hub's camera is fetched too")
	}
	began, frames := time.Now(), ofYard.Reader()
	var ages []time.Duration
	for range pictures {
		f, _, err := frames.Next(context20(t))
		if err != nil {
			t.Fatal(err)
		}
		ages = append(ages, time.Since(f.Captured).Round(time.Millisecond))
	}
	took := time.Since(began)
	lately := slices.Sorted(slices.Values(ages[pictures/2:]))
	t.Logf("%d pictures in %v, of the last %d half at most %v old, all %v, ever %v", pictures, took.Round(time.Millisecond), len(lately), lately[len(lately)/2], lately[len(lately)-1], slices.Max(ages))
	// A link of this test that is not let run carries less; plain subscriptions would be the more behind.
	if age, bound := lately[len(lately)/2], 1500*time.Millisecond+3*took/pictures; age > bound {
		found.Add("after %v of a thin uplink half of its pictures are more than %v old", took, age)
	}
	subscribed(ofHall)
	after := ofHall.Stats()
	if after.Missed != before.Missed {
		found.Add("%d frames of the hub's camera are missed", after.Missed-before.Missed)
	}
	if least := uint64(took.Seconds() * fps / 2); after.Received-before.Received < least {
		found.Add("%d frames of the hub's camera in %v", after.Received-before.Received, took)
	}
	second := func() bool {
		_, is := numbers.Of(t, viewer.Metrics())["lensbus_bus_connected{live-2}"]
		return is
	}
	if !second() || len(found) > 0 {
		found.Add("a connection apart: %v", second())
		return found
	}

	// The uplink is wide again.
	at.uplink.rate.Store(0)
	subscribed(ofYard)
	before, yardBefore := ofHall.Stats(), ofYard.Stats()
	eventually(t, func() bool { bus.HandOver(viewer); return !second() })
	subscribed(ofYard)
	subscribed(ofHall)
	if missed := ofHall.Stats().Missed - before.Missed; missed != 0 {
		found.Add("%d frames of the hub's camera are missed on the way back", missed)
	}
	if missed := ofYard.Stats().Missed - yardBefore.Missed; missed != 0 {
		found.Add("%d frames of the site's camera are missed on the way back", missed)
	}
	return found
}
