package broker

import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/frame"
)

// leafNumbers are those of sites: of one whether it is connected, of a hub how far its copies are.
type leafNumbers struct {
	nats          *server.Server
	uplink, sites bool // what there is
	connected     *prometheus.Desc
	nodes         *prometheus.Desc
	behind        *prometheus.Desc
	silent        *prometheus.Desc
}

func newLeafNumbers(s *Server) leafNumbers {
	camera := []string{"camera"}
	return leafNumbers{
		nats: s.nats, uplink: s.uplink, sites: s.leafListen != "",
		connected: describe("uplink_connected", "Whether the uplink of a site is connected, 1 or 0."),
		nodes:     describe("leaf_nodes", "Sites that are connected."),
		behind:    prometheus.NewDesc("lensbus_broker_copy_behind_frames", "Frames that a site has stored and the copy of its stream has not, when the site was last heard of.", camera, nil),
		silent:    prometheus.NewDesc("lensbus_broker_copy_silent_seconds", "Since the site was last heard of, whose stream is copied.", camera, nil),
	}
}

func (l leafNumbers) describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{l.connected, l.nodes, l.behind, l.silent} {
		out <- desc
	}
}

func (l leafNumbers) collect(v *server.Varz, uplinked bool, out chan<- prometheus.Metric) {
	own := 0.0
	if uplinked {
		own = 1
	}
	if l.uplink {
		out <- prometheus.MustNewConstMetric(l.connected, prometheus.GaugeValue, own)
	}
	if !l.sites {
		return
	}
	out <- prometheus.MustNewConstMetric(l.nodes, prometheus.GaugeValue, float64(v.Leafs)-own)
	streams, err := l.nats.Jsz(&server.JSzOptions{Accounts: true, Streams: true, Limit: mostCopies})
	if err != nil {
		out <- prometheus.NewInvalidMetric(l.behind, err)
		return
	}
	for _, account := range streams.AccountDetails {
		for _, stream := range account.Streams {
			id, ok := frame.ParseStreamName(stream.Name)
			if !ok || len(stream.Sources) != 1 {
				continue
			}
			camera, from := string(id), stream.Sources[0]
			out <- prometheus.MustNewConstMetric(l.behind, prometheus.GaugeValue, float64(from.Lag), camera)
			if from.Active >= 0 { // it is negative before it was heard of
				out <- prometheus.MustNewConstMetric(l.silent, prometheus.GaugeValue, from.Active.Seconds(), camera)
			}
		}
	}
}

// mostCopies bounds what is looked at: accounts, and streams of each.
const mostCopies = 4096
