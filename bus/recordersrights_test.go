package bus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/bus"
)

// Rights that somebody has given by hand, without the subjects for several recorders: who has them sees what one
// recorder has, and is told once that it may not be all.
func TestRecordersWithoutTheRightToAskEach(t *testing.T) {
	url := natsConfigured(t, `
		no_auth_user: admin
		accounts: {CAM: {users: [
			{user: admin, password: a}
			{user: one, password: v, permissions: {
				publish: {allow: ["rec.front.ranges", "rec.front.replay", "rec.front.credit.*"]}, subscribe: {allow: ["_INBOX_v.>"]}}}
			{user: each, password: v, permissions: {
				publish: {allow: ["rec.front.ranges", "rec.front.each", "rec.front.replay", "rec.front.credit.*"]}, subscribe: {allow: ["_INBOX_v.>"]}}}
			{user: none, password: v, permissions: {publish: {allow: ["rec.front.replay"]}, subscribe: {allow: ["_INBOX_v.>"]}}}
		]}}`)
	const all, later = 10_000, 6000 // frames, of a millisecond
	keeper(t, url, 1, all)
	keeper(t, url, later, all)
	for user, wants := range map[string]struct {
		first []uint64 // of which it may see one
		told  string
	}{
		"one":  {[]uint64{1, later}, "rec.front.each"},
		"each": {[]uint64{1}, "may not see recordings of camera front"},
	} {
		asker, said := logged(t, bus.Options{Server: url, NATS: []nats.Option{nats.UserInfo(user, "v"), nats.CustomInboxPrefix("_INBOX_v")}})
		eventually(t, func() bool {
			got, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{})
			for _, first := range wants.first {
				if err == nil && got.First.Equal(capturedAt(first)) {
					return true
				}
			}
			return false
		})
		// Until both are known, any of them gives it.
		eventually(t, func() bool {
			replay, err := asker.Replay(context20(t), "front", bus.ReplayOptions{From: capturedAt(later + 10)})
			if err != nil {
				t.Fatalf("%s: %v", user, err)
			}
			defer func() { _ = replay.Close() }()
			if f, err := replay.Next(context20(t)); err != nil || f.Seq != later+10 {
				t.Fatalf("%s: frame %d, %v", user, f.Seq, err)
			}
			return strings.Contains(said.String(), wants.told)
		})
		for range 3 {
			if _, err := asker.Ranges(context20(t), "front", time.Time{}, time.Time{}); err != nil {
				t.Errorf("%s: %v", user, err)
			}
		}
		if n := strings.Count(said.String(), "only one is asked"); n != 1 {
			t.Errorf("%s is told %d times: %s", user, n, said)
		}
	}
	none := connect(t, bus.Options{Server: url, NATS: []nats.Option{nats.UserInfo("none", "v"), nats.CustomInboxPrefix("_INBOX_v")}})
	if err := none.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := none.Ranges(context20(t), "front", time.Time{}, time.Time{}); err == nil || !strings.Contains(err.Error(), "may not see recordings") {
		t.Errorf("%v", err)
	}
}
