package broker

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// TestRights tries every action as every role. What a role may is named; all else is refused.
func TestRights(t *testing.T) {
	s, folder, _ := guarded(t, Config{})
	streams(t, s, "front", "yard")
	roles := map[string]auth.Credentials{
		"publisher": user(t, folder, "publisher", auth.Publisher, "front"),
		"viewer":    user(t, folder, "viewer", auth.Viewer, "front"),
		"operator":  user(t, folder, "operator", auth.Operator, "front"),
		"recorder":  user(t, folder, "recorder", auth.Recorder, "front"),
		"web":       user(t, folder, "web", auth.Web), // all cameras
		"nvr":       user(t, folder, "nvr", auth.Recorder),
		"second":    secondRecorder(t, folder),
		"admin":     user(t, folder, "boss", auth.Admin),
	}
	for name, c := range roles {
		tryRights(t, enter(t, s, c), name, c)
	}
	publish, _ := rightsTable()
	for subject, allowed := range publish {
		for _, name := range allowed {
			if _, is := roles[name]; !is {
				t.Fatalf("%s: no role %s in this test", subject, name)
			}
		}
	}
}

// rightsTable is who may publish and subscribe to what: publisher, viewer, operator and recorder of front, web and
// nvr, a recorder, of all cameras. What is not named is refused.
func rightsTable() (publish, subscribe map[string][]string) {
	watching := []string{"viewer", "operator", "web"}
	publish = map[string][]string{
		"cam.front.frame":            {"publisher"},
		"cam.front.status":           {"publisher"},
		"cam.front.preview":          {"publisher"},
		"cam.yard.frame":             {},
		"cam.yard.status":            {},
		"cam.front.control.get":      {"publisher", "viewer", "operator", "web"},
		"cam.front.control.snapshot": {"publisher", "viewer", "operator", "web"},
		"cam.front.control.watch":    {"publisher", "viewer", "operator", "web"},
		"cam.front.control.set":      {"publisher", "operator", "web"},
		"cam.front.control.release":  {"publisher"},
		"cam.front.newest":           {"publisher", "viewer", "operator", "web"},
		"cam.yard.newest":            {"web"},
		"cam.yard.control.get":       {"web"},
		"cam.yard.control.set":       {"web"},
		"cam.yard.control.release":   {},
		"rec.front.ranges":           watching,
		"rec.front.replay":           watching,
		"rec.yard.replay":            {"web"},
		"$SRV.PING":                  {},
		"$SRV.STATS.camera":          {},
		"other.topic":                {},
		"_INBOX.viewer.x":            {"publisher", "recorder", "second", "nvr"},
		"$SYS.REQ.SERVER.PING":       {},

		"$JS.API.INFO":                                           {},
		"$JS.API.STREAM.NAMES":                                   {},
		"$JS.API.STREAM.LIST":                                    {},
		"$JS.API.STREAM.CREATE.FRAMES_front":                     {},
		"$JS.API.STREAM.UPDATE.FRAMES_front":                     {},
		"$JS.API.STREAM.DELETE.FRAMES_front":                     {},
		"$JS.API.STREAM.PURGE.FRAMES_front":                      {},
		"$JS.API.STREAM.PURGE.FRAMES_yard":                       {},
		"$JS.API.STREAM.MSG.GET.FRAMES_front":                    {},
		"$JS.API.STREAM.MSG.DELETE.FRAMES_front":                 {},
		"$JS.API.STREAM.INFO.FRAMES_front":                       {"publisher", "recorder", "second", "nvr"},
		"$JS.API.STREAM.INFO.FRAMES_yard":                        {"nvr"},
		"$JS.API.DIRECT.GET.FRAMES_front.cam.front.frame":        {},
		"$JS.API.DIRECT.GET.FRAMES_yard.cam.yard.frame":          {},
		"$JS.API.DIRECT.GET.FRAMES_front":                        {"recorder", "second", "nvr"},
		"$JS.API.DIRECT.GET.FRAMES_yard":                         {"nvr"},
		"$JS.API.CONSUMER.CREATE.FRAMES_front":                   {},
		"$JS.API.CONSUMER.CREATE.FRAMES_front.x.cam.front.frame": {},
		"$JS.API.CONSUMER.DURABLE.CREATE.FRAMES_front.x":         {},
		"$JS.API.CONSUMER.RESET.FRAMES_front.rec":                {},
		"$JS.API.CONSUMER.PAUSE.FRAMES_front.rec":                {},
		"$JS.API.CONSUMER.UNPIN.FRAMES_front.rec":                {},
		"$JS.API.CONSUMER.LIST.FRAMES_front":                     {},
		"$JS.API.CONSUMER.NAMES.FRAMES_front":                    {},
		"$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.rec2":            {},
		"$JS.ACK.FRAMES_front.rec2.1.1.1.1.1":                    {},
		"$JS.API.STREAM.SNAPSHOT.FRAMES_front":                   {},
		"$JS.API.STREAM.RESTORE.FRAMES_front":                    {},
		"$JS.API.STREAM.LEADER.STEPDOWN.FRAMES_front":            {},
		"$JS.API.DIRECT.GET.FRAMES_front.>":                      {},
		"$JS.FC.FRAMES_front.x":                                  {},
		"$JSC.R.x":                                               {},
		"$JS.API.CONSUMER.DELETE.FRAMES_front.rec":               {},
		"$JS.API.CONSUMER.INFO.FRAMES_front.rec":                 {"recorder", "nvr"},
		"$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.rec":             {"recorder", "nvr"},
		"$JS.API.CONSUMER.MSG.NEXT.FRAMES_yard.rec":              {"nvr"},
		"$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.other":           {},
		"$JS.API.CONSUMER.INFO.FRAMES_front.nvr2":                {"second"},
		"$JS.API.CONSUMER.MSG.NEXT.FRAMES_front.nvr2":            {"second"},
		"$JS.API.CONSUMER.MSG.NEXT.FRAMES_yard.nvr2":             {},
		"$JS.API.CONSUMER.CREATE.FRAMES_front.nvr2":              {},
		"$JS.API.CONSUMER.DELETE.FRAMES_front.nvr2":              {},
		"$JS.ACK.FRAMES_front.nvr2.1.1.1.1.1":                    {"second"},
		"$JS.ACK.FRAMES_front.rec.1.1.1.1.1":                     {"recorder", "nvr"},
		"$JS.ACK.FRAMES_yard.rec.1.1.1.1.1":                      {"nvr"},
	}
	subscribe = map[string][]string{
		"cam.front.frame":          watching,
		"cam.front.preview":        watching,
		"cam.front.newest":         {},
		"cam.*.newest":             {},
		"cam.front.status":         {"publisher", "viewer", "operator", "web", "recorder", "second", "nvr"},
		"cam.front.control.set":    {"publisher"},
		"cam.front.control.*":      {"publisher"},
		"cam.yard.frame":           {"web"},
		"cam.yard.status":          {"web", "nvr"},
		"cam.yard.control.*":       {},
		"cam.*.frame":              {"web"},
		"cam.*.status":             {"web", "nvr"},
		"cam.>":                    {},
		"rec.front.*":              {"recorder", "second", "nvr"},
		"rec.front.credit.abc":     {"recorder", "second", "nvr"},
		"rec.yard.credit.abc":      {"nvr"},
		"rec.front.other.abc":      {},
		"rec.yard.*":               {"nvr"},
		"rec.>":                    {},
		">":                        {},
		"_INBOX.>":                 {},
		"_INBOX.*.x":               {},
		"_INBOX.publisher.>":       {"publisher"},
		"_INBOX.viewer.>":          {"viewer"},
		"_INBOX.web.>":             {"web"},
		"$JS.>":                    {},
		"$JS.EVENT.ADVISORY.>":     {},
		"$JS.API.>":                {},
		"$JS.ACK.>":                {},
		"$SYS.>":                   {},
		"$SRV.>":                   {},
		"$SRV.STATS.camera":        {"publisher"},
		"$SRV.STATS.recorder":      {"recorder", "second", "nvr"},
		"$SRV.PING":                {"publisher", "recorder", "second", "nvr"},
		"$SRV.INFO.camera.abcdef":  {"publisher"},
		"$KV.>":                    {},
		"some.other.subject":       {},
		"_INBOX.viewer":            {},
		"$JSC.R.>":                 {},
		"cam.front":                {},
		"cam.front.frame.more":     {},
		"cam.front.control.x.y":    {},
		"$SRV.STATS.camera.a.b":    {},
		"$SRV.INFO.recorder.abc":   {"recorder", "second", "nvr"},
		"_INBOX.nvr.deep.and.more": {"nvr"},
	}
	return publish, subscribe
}

// tryRights tries every action of the table on a user's connection.
func tryRights(t *testing.T, nc *nats.Conn, name string, c auth.Credentials) {
	t.Helper()
	publish, subscribe := rightsTable()
	for _, table := range []struct {
		what  string
		cells map[string][]string
		do    func(subject string) error
	}{
		{"publish", publish, func(subject string) error { return nc.PublishRequest(subject, c.Inbox()+".answer", nil) }},
		{"subscribe", subscribe, func(subject string) error {
			sub, err := nc.SubscribeSync(subject)
			if err == nil {
				t.Cleanup(func() { _ = sub.Unsubscribe() })
			}
			return err
		}},
	} {
		for subject, allowed := range table.cells {
			may := name == "admin" || slices.Contains(allowed, name)
			if may && name == "admin" && strings.Contains(subject, "STREAM.DELETE") || name == "admin" && strings.Contains(subject, "CONSUMER.DELETE") || name == "admin" && subject == "$JS.API.STREAM.UPDATE.FRAMES_front" {
				continue // that would work
			}
			if got := !refused(t, nc, func() error { return table.do(subject) }); got != may {
				t.Errorf("%s %s %s: allowed %v, want %v", name, table.what, subject, got, may)
			}
		}
	}
}

// What is allowed works, and what the headers of an allowed message could do to others does not.
func TestRightsInUse(t *testing.T) {
	s, folder, _ := guarded(t, Config{Store: t.TempDir()})
	js := streams(t, s, "front", "yard")
	front, yard := enter(t, s, user(t, folder, "front", auth.Publisher, "front")), enter(t, s, user(t, folder, "yard", auth.Publisher, "yard"))
	viewer, recorder := enter(t, s, user(t, folder, "viewer", auth.Viewer, "front")), enter(t, s, user(t, folder, "recorder", auth.Recorder, "front"))
	live, err := viewer.SubscribeSync("cam.front.frame")
	if err != nil {
		t.Fatal(err)
	}
	if err := viewer.Flush(); err != nil {
		t.Fatal(err)
	}
	store := func(nc *nats.Conn, id frame.CameraID, text string, header map[string]string) string {
		t.Helper()
		m := &nats.Msg{Subject: id.FrameSubject(), Data: []byte(text), Header: nats.Header{}}
		for k, v := range header {
			m.Header.Set(k, v)
		}
		answer, err := nc.RequestMsg(m, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return string(answer.Data)
	}
	for i := range 3 {
		if got := store(front, "front", fmt.Sprint(i), map[string]string{nats.MsgIdHdr: fmt.Sprint("e-", i)}); !strings.Contains(got, fmt.Sprintf(`"seq":%d`, i+1)) {
			t.Fatalf("front is not stored: %s", got)
		}
	}
	// The ids of one camera do not suppress those of another.
	if got := store(yard, "yard", "mine", map[string]string{nats.MsgIdHdr: "e-0"}); !strings.Contains(got, `"seq":1`) || strings.Contains(got, "duplicate") {
		t.Errorf("the same id from another camera: %s", got)
	}
	for header, value := range map[string]string{"Nats-Rollup": "all", "Nats-TTL": "1s", "Nats-Schedule": "@every 1s"} {
		_ = store(front, "front", "mean", map[string]string{header: value})
		info, err := js.Stream(t.Context(), "FRAMES_front")
		if err != nil {
			t.Fatal(err)
		}
		if state := info.CachedInfo().State; state.FirstSeq != 1 || state.Msgs < 3 {
			t.Errorf("%s of a publisher: %+v", header, state)
		}
	}
	if m, err := live.NextMsg(20 * time.Second); err != nil || string(m.Data) != "0" {
		t.Errorf("the viewer sees %v, %v", m, err)
	}
	jr, err := jetstream.New(recorder)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := jr.Consumer(t.Context(), "FRAMES_front", "rec")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := consumer.Fetch(3)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for m := range batch.Messages() {
		if n++; string(m.Data()) != fmt.Sprint(n-1) {
			t.Errorf("message %d is %q", n, m.Data())
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Errorf("acknowledge: %v", err)
		}
	}
	if n != 3 {
		t.Errorf("%d messages, %v", n, batch.Error())
	}
}

func TestWhoIsRefused(t *testing.T) {
	s, folder, _ := guarded(t, Config{})
	good := user(t, folder, "good", auth.Viewer, "front")
	witness := enter(t, s, good)
	elsewhere := auth.Open(filepath.Join(t.TempDir(), "auth"))
	if _, err := elsewhere.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	foreign := user(t, elsewhere, "good", auth.Viewer, "front")
	goodOptions, err := as(good)
	if err != nil {
		t.Fatal(err)
	}
	foreignOptions, err := as(foreign)
	if err != nil {
		t.Fatal(err)
	}
	secure, err := good.TLS()
	if err != nil {
		t.Fatal(err)
	}
	key, err := foreign.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.Replace(s.URL(), "tls://", "nats://", 1)
	for name, test := range map[string]struct {
		url  string
		opts []nats.Option
		want string
	}{
		"another CA":      {s.URL(), foreignOptions, "certificate"},
		"an unknown key":  {s.URL(), []nats.Option{nats.Secure(secure), nats.Nkey(key, foreign.Sign)}, "uthorization"},
		"nobody":          {s.URL(), []nats.Option{nats.Secure(secure)}, "uthorization"},
		"a password":      {s.URL(), []nats.Option{nats.Secure(secure), nats.UserInfo("good", "good")}, "uthorization"},
		"without TLS":     {plain, []nats.Option{nats.Nkey(key, foreign.Sign)}, ""},
		"the inside user": {s.URL(), append(insideOf(t, s), nats.Secure(secure)), "uthorization"},
	} {
		nc, err := nats.Connect(test.url, append(test.opts, nats.NoReconnect())...)
		if err == nil {
			nc.Close()
			t.Errorf("%s gets in", name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want something of %q", name, err, test.want)
		}
	}
	for range 1000 {
		if nc, err := nats.Connect(s.URL(), nats.Secure(secure), nats.UserInfo("good", "guess"), nats.NoReconnect()); err == nil {
			nc.Close()
			t.Fatal("a guess gets in")
		}
	}
	if stats := witness.Stats(); stats.Reconnects > 0 || witness.Flush() != nil {
		t.Errorf("the user beside has noticed: %+v", stats)
	}
	nc, err := nats.Connect(s.URL(), goodOptions...)
	if err != nil {
		t.Fatalf("the good one, afterwards: %v", err)
	}
	nc.Close()
}
