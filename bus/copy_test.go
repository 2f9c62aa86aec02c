package bus_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// A copy of a site's stream is provisioned, altered and found like any other; that it gets the site's
// frames, test/cluster tries out.
func TestCopyOfASite(t *testing.T) {
	server := startBroker(t, broker.Config{})
	conn, js := connected(t, bus.Options{Server: server.URL()})
	limits := roomy
	limits.From = "site1"
	for _, c := range []struct {
		from   string
		action bus.StreamAction
		change string
	}{
		{"site1", bus.StreamCreated, ""},
		{"site1", bus.StreamKept, ""},
		{"site2", bus.StreamUpdated, "from site1 site2"},
		{"", bus.StreamUpdated, "subjects  cam.gate.frame, from site2 "},
		{"site1", bus.StreamUpdated, "subjects cam.gate.frame , from  site1"},
	} {
		limits.From = c.from
		plan, err := conn.Provision(context20(t), "gate", limits)
		if err != nil {
			t.Fatal(err)
		}
		var changes []string
		for _, change := range plan.Changes {
			changes = append(changes, change.Setting+" "+change.From+" "+change.To)
		}
		if plan.Action != c.action || strings.Join(changes, ", ") != c.change {
			t.Errorf("from %q: %s, %q", c.from, plan.Action, changes)
		}
		stream, err := js.Stream(t.Context(), "FRAMES_gate")
		if err != nil {
			t.Fatal(err)
		}
		is := stream.CachedInfo().Config
		if (len(is.Subjects) == 0) != (c.from != "") || (len(is.Sources) == 1) != (c.from != "") {
			t.Errorf("from %q: takes %q and copies %v", c.from, is.Subjects, is.Sources)
		}
		if c.from != "" && is.Sources[0].External.DeliverPrefix != "$JS.S."+c.from {
			t.Errorf("from %q: delivered to %q", c.from, is.Sources[0].External.DeliverPrefix)
		}
	}

	// Others' streams, of that name and not, are none.
	for name, config := range map[string]jetstream.StreamConfig{
		"FRAMES_yard": {Sources: []*jetstream.StreamSource{{Name: "OTHER"}}},
		"FRAMES_hall": {Subjects: []string{"other"}},
		"EVENTS":      {Subjects: []string{"events"}},
	} {
		config.Name = name
		if _, err := js.CreateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Provision(context20(t), "yard", roomy); !errors.Is(err, bus.ErrForeignStream) {
		t.Errorf("another copy: %v", err)
	}
	ids, err := conn.StoredCameras(context20(t))
	if err != nil || !slices.Equal(ids, []frame.CameraID{"gate"}) {
		t.Errorf("%v, %v", ids, err)
	}
	unwanted, err := conn.UnwantedStreams(context20(t), nil)
	if diff := cmp.Diff([]bus.UnwantedStream{{Camera: "gate", Stream: "FRAMES_gate"}}, unwanted); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if err := js.DeleteStream(t.Context(), "FRAMES_gate"); err != nil {
		t.Fatal(err)
	}
	limits.Age = 10 * time.Second // less than duplicates are known for
	if plan, err := conn.Provision(context20(t), "gate", limits); err != nil || plan.Action != bus.StreamCreated {
		t.Errorf("%v, %v", plan, err)
	}
}
