package bus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/logbook"
	"github.com/lensbus/lensbus/test/numbers"
)

// served is a camera that counts what it is asked, and a NATS client that knows nothing of lensbus.
func served(t *testing.T) (asker *nats.Conn, publisher *bus.Conn, asked *atomic.Int64, log *logbook.Book) {
	t.Helper()
	server := startBroker(t, broker.Config{})
	publisher, log = logged(t, bus.Options{Server: server.URL()})
	if err := publisher.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int64)
	verb := func(context.Context, []byte) (bus.Reply, error) {
		asked.Add(1)
		return bus.Reply{Data: []byte("{}")}, nil
	}
	refuse := func(context.Context, []byte) (bus.Reply, error) {
		return bus.Reply{}, &bus.ControlError{Code: 409, Text: "it cannot"}
	}
	stop, err := publisher.ServeCamera(t.Context(), "front", "1.2.3", func() frame.Status {
		return frame.Status{ID: "front", State: frame.StateLive, Epoch: "e"}
	}, nil, map[string]bus.Verb{frame.VerbGet: verb, frame.VerbSet: verb, frame.VerbSnapshot: refuse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := publisher.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	asker, err = nats.Connect(server.URL(), nats.CustomInboxPrefix("_INBOX_alice"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(asker.Close)
	return asker, publisher, asked, log
}

// Who asks for an answer on a subject that is no inbox has none, from a verb or from discovery: a
// camera must not speak there. It is counted, and said once.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	asker, publisher, asked, log := served(t)
	var foreign []*nats.Subscription
	for _, subject := range []string{"cam.front.frame", "cam.yard.status", "rec.>", "INBOX.>"} {
		sub, err := asker.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		foreign = append(foreign, sub)
	}
	verbs := []string{"cam.front.control.get", "cam.front.control.set"}
	discovery := []string{"$SRV.PING", "$SRV.INFO", "$SRV.STATS", "$SRV.PING.camera", "$SRV.INFO.camera", "$SRV.STATS.camera"}
	refused := 0
	for _, subject := range append(verbs, discovery...) {
		for _, reply := range []string{"cam.front.frame", "cam.yard.status", "rec.front.export", "$JS.API.STREAM.DELETE.FRAMES_front", "INBOX.x", ""} {
			if err := asker.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: []byte(`{"quality":5}`)}); err != nil {
				t.Fatal(err)
			}
			refused++
		}
	}
	counted := func(reason string) float64 {
		return numbers.Of(t, publisher.Metrics())["lensbus_bus_requests_refused_total{front,"+reason+"}"]
	}
	eventually(t, func() bool { return counted("reply_subject") == float64(refused) })
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests were obeyed", n)
	}
	// What was asked before has been answered by now, if it was.
	if _, err := asker.Request("$SRV.PING", nil, patience); err != nil {
		t.Fatal(err)
	}
	for _, sub := range foreign {
		if n, _, _ := sub.Pending(); n > 0 {
			t.Errorf("%d answers on %s", n, sub.Subject)
		}
	}
	said := func() int { return strings.Count(log.String(), "level=WARN") }
	eventually(t, func() bool { return said() > 0 })
	if said() != 1 || !strings.Contains(log.String(), "camera=front") {
		t.Errorf("said %d times: %s", said(), log)
	}
}

// A user with an inbox prefix of its own is answered, by verbs and by discovery, and NATS's own tools
// find what package micro would tell them.
func TestServiceIsOneOfNATS(t *testing.T) {
	asker, publisher, asked, _ := served(t)
	m, err := asker.Request("cam.front.control.get", nil, patience)
	if err != nil || string(m.Data) != "{}" || !strings.HasPrefix(m.Subject, "_INBOX_alice.") || m.Header.Get(frame.HeaderSent) == "" {
		t.Errorf("%v, %v", m, err)
	}
	if m, err = asker.Request("cam.front.control.snapshot", nil, patience); err != nil || m.Header.Get(micro.ErrorCodeHeader) != "409" {
		t.Errorf("%v, %v", m, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	ask := func(subject string, into any) {
		t.Helper()
		m, err := asker.Request(subject, nil, patience)
		if err == nil {
			decoder := json.NewDecoder(bytes.NewReader(m.Data))
			decoder.DisallowUnknownFields()
			err = decoder.Decode(into)
		}
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
	}
	var ping micro.Ping
	ask("$SRV.PING", &ping)
	if ping.Type != micro.PingResponseType || ping.Name != "camera" || ping.Version != "1.2.3" || ping.Metadata["camera"] != "front" {
		t.Errorf("%+v", ping)
	}
	var info micro.Info
	ask("$SRV.INFO.camera."+ping.ID, &info)
	if info.Type != micro.InfoResponseType || info.ServiceIdentity.ID != ping.ID || len(info.Endpoints) != 3 {
		t.Errorf("%+v", info)
	}
	var stats micro.Stats
	ask("$SRV.STATS.camera", &stats)
	for _, e := range stats.Endpoints {
		data := frame.Status{}
		switch e.Name {
		case "get":
			if err := json.Unmarshal(e.Data, &data); err != nil || data.ID != "front" || e.NumRequests != 1 || e.NumErrors != 0 || e.ProcessingTime <= 0 {
				t.Errorf("%+v, %v", e, err)
			}
		case "snapshot":
			if e.NumRequests != 1 || e.NumErrors != 1 || e.LastError != "409:it cannot" {
				t.Errorf("%+v", e)
			}
		}
	}
	if got := numbers.Of(t, publisher.Metrics())["lensbus_bus_requests_refused_total{front,impossible}"]; got != 1 {
		t.Errorf("%g refusals counted", got)
	}
	if _, err := asker.Request("$SRV.PING.other", nil, patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("another service: %v", err)
	}
}
