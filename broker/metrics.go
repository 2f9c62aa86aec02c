package broker

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the broker's numbers for Prometheus, lensbus_broker_…: docs/reference/metrics.md. They
// are read from the NATS server when they are asked for, and are for one registry.
func (s *Server) Metrics() prometheus.Collector {
	c := &collector{nats: s.nats, uplinked: s.Uplinked, leafs: newLeafNumbers(s)}
	counter := func(name, help string, of func(*server.Varz) float64) {
		c.general = append(c.general, number[server.Varz]{describe(name, help), prometheus.CounterValue, of})
	}
	gauge := func(name, help string, of func(*server.Varz) float64) {
		c.general = append(c.general, number[server.Varz]{describe(name, help), prometheus.GaugeValue, of})
	}
	gauge("connections", "Clients that are connected.", func(v *server.Varz) float64 { return float64(v.Connections) })
	counter("connections_total", "Clients that have connected since the start.", func(v *server.Varz) float64 { return float64(v.TotalConnections) })
	gauge("subscriptions", "Subscriptions of all clients.", func(v *server.Varz) float64 { return float64(v.Subscriptions) })
	counter("received_messages_total", "Messages that came in.", func(v *server.Varz) float64 { return float64(v.InMsgs) })
	counter("sent_messages_total", "Messages that went out, once for each receiver.", func(v *server.Varz) float64 { return float64(v.OutMsgs) })
	counter("received_bytes_total", "Bytes of the messages that came in.", func(v *server.Varz) float64 { return float64(v.InBytes) })
	counter("sent_bytes_total", "Bytes of the messages that went out.", func(v *server.Varz) float64 { return float64(v.OutBytes) })
	counter("slow_consumers_total", "Clients that were cut off because they did not take what was sent.", func(v *server.Varz) float64 { return float64(v.SlowConsumers) })

	stored := func(name, help string, kind prometheus.ValueType, of func(*server.JSInfo) float64) {
		c.storage = append(c.storage, number[server.JSInfo]{describe("jetstream_"+name, help), kind, of})
	}
	stored("memory_bytes", "What streams in memory hold.", prometheus.GaugeValue, func(j *server.JSInfo) float64 { return float64(j.Memory) })
	stored("memory_limit_bytes", "What streams in memory may hold together.", prometheus.GaugeValue, func(j *server.JSInfo) float64 { return float64(j.Config.MaxMemory) })
	stored("store_bytes", "What streams on file hold.", prometheus.GaugeValue, func(j *server.JSInfo) float64 { return float64(j.Store) })
	stored("store_limit_bytes", "What streams on file may hold together.", prometheus.GaugeValue, func(j *server.JSInfo) float64 { return float64(j.Config.MaxStore) })
	stored("streams", "Streams.", prometheus.GaugeValue, func(j *server.JSInfo) float64 { return float64(j.Streams) })
	stored("consumers", "Consumers of streams.", prometheus.GaugeValue, func(j *server.JSInfo) float64 { return float64(j.Consumers) })
	stored("api_errors_total", "Requests to JetStream that were answered with an error.", prometheus.CounterValue, func(j *server.JSInfo) float64 { return float64(j.API.Errors) })
	return c
}

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("lensbus_broker_"+name, help, nil, nil)
}

// number is one number that a document of the server's has.
type number[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*T) float64
}

func (n number[T]) collect(from *T, out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(n.desc, n.kind, n.of(from))
}

type collector struct {
	nats    *server.Server
	general []number[server.Varz]
	storage []number[server.JSInfo] // absent without JetStream

	uplinked func() bool
	leafs    leafNumbers
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, n := range c.general {
		out <- n.desc
	}
	for _, n := range c.storage {
		out <- n.desc
	}
	c.leafs.describe(out)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	general, err := c.nats.Varz(nil)
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.general[0].desc, fmt.Errorf("ask the NATS server: %w", err))
		return
	}
	for _, n := range c.general {
		n.collect(general, out)
	}
	c.leafs.collect(general, c.uplinked(), out)
	storage, err := c.nats.Jsz(nil)
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.storage[0].desc, fmt.Errorf("ask the NATS server about JetStream: %w", err))
		return
	}
	if storage.Disabled {
		return
	}
	for _, n := range c.storage {
		n.collect(storage, out)
	}
}

// Ready says why clients cannot be served now: nil while connections are accepted and, unless
// the Config has NoJetStream, streams are in order.
func (s *Server) Ready() error {
	health := s.nats.Healthz(nil)
	if health.Status == "ok" {
		return nil
	}
	if health.Error == "" {
		return errors.New("the broker is " + health.Status)
	}
	return errors.New("the broker is not ready: " + health.Error)
}
