package bus_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/bus"
)

// replica answers direct gets of the stream in the server's place, with what is up to last.
func (s *store) replica(last *atomic.Uint64, empty *atomic.Int64) {
	s.t.Helper()
	_, err := s.nc.Subscribe("$JS.API.DIRECT.GET.FRAMES_front", func(m *nats.Msg) {
		var request struct{ Seq uint64 }
		if json.Unmarshal(m.Data, &request) != nil || request.Seq == 0 {
			_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"408"}, "Description": {"Bad Request"}}})
			return
		}
		if request.Seq > last.Load() {
			empty.Add(1)
			_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"404"}, "Description": {"Message Not Found"}}})
			return
		}
		stream, err := s.js.Stream(context20(s.t), "FRAMES_front")
		if err != nil {
			s.t.Error(err)
			return
		}
		for n := request.Seq; n <= last.Load(); n++ {
			kept, err := stream.GetMsg(context20(s.t), n)
			if err != nil {
				s.t.Error(err)
				return
			}
			header := kept.Header
			header.Set(jetstream.SequenceHeader, strconv.FormatUint(n, 10))
			header.Set(jetstream.TimeStampHeaer, kept.Time.Format(time.RFC3339Nano))
			_ = m.RespondMsg(&nats.Msg{Header: header, Data: kept.Data})
		}
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"204"}, "Description": {"EOB"}, "Nats-Num-Pending": {"0"}}})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// The leader says how far the stream is, and a replica that is behind answers for what is in it: that it has
// nothing there yet is no hole.
func TestDurableAReplicaIsBehind(t *testing.T) {
	config := fmt.Sprintf(`
		jetstream: {store_dir: %q}
		accounts: {CAM: {jetstream: enabled, users: [
			{user: admin, password: a}
			{user: rec, password: r, permissions: {publish: {allow: ["$JS.API.STREAM.INFO.FRAMES_front", "$JS.API.DIRECT.GET.FRAMES_front",
				"$JS.API.CONSUMER.INFO.FRAMES_front.rec"]}, subscribe: {allow: ["_INBOX_rec.>"]}}}
		]}}`, t.TempDir())
	url := natsConfigured(t, config)
	s := newStore(t, url, nats.UserInfo("admin", "a"))
	s.provision(func(c *jetstream.StreamConfig) { c.AllowDirect = false }) // so that replica answers
	var last atomic.Uint64
	var empty atomic.Int64
	last.Store(5)
	s.replica(&last, &empty)
	s.fill(10)
	s.aheadConsumer()
	d := durable(t, connect(t, bus.Options{Server: url, NATS: []nats.Option{nats.UserInfo("rec", "r"), nats.CustomInboxPrefix("_INBOX_rec")}}), bus.DurableOptions{})
	take(t, d, 1, 5)
	eventually(t, func() bool { return empty.Load() >= 2 }) // it goes on asking
	last.Store(10)
	take(t, d, 6, 10)
}
