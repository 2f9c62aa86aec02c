package bus

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/frame"
)

// LatencyBuckets are the buckets, in seconds, of every histogram of a latency in lensbus, so that
// the parts of the way can be compared.
func LatencyBuckets() []float64 {
	return []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}
}

// mostMeasured bounds what is counted, and with them what strangers on the bus can make
// a monitoring system keep.
const mostMeasured = 1024

// metrics are a Conn's numbers. A camera is in them from its first message on.
type metrics struct {
	connected, fetching, offset, uncertainty *prometheus.Desc

	reconnects, received, bytes, missed, rejected, refused *prometheus.CounterVec
	way                                                    *prometheus.HistogramVec

	mu      sync.Mutex
	up      map[string]*atomic.Bool // by the purpose of the connection
	cameras map[measured]*cameraMetrics
}

// measured is what has numbers of its own: a camera's frames, or its previews.
type measured struct {
	camera frame.CameraID
	kind   frame.Kind // KindFrame or KindPreview
}

func newMetrics() *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lensbus_bus_"+name, help, labels, nil)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lensbus_bus_" + name, Help: help}, labels)
	}
	return &metrics{
		connected:   desc("connected", "1 while the connection to the NATS server stands, else 0.", "connection"),
		fetching:    desc("fetching", "1 while the way here is slower than the cameras' frames, or those of some, and the newest are fetched one by one, else 0."),
		offset:      desc("clock_offset_seconds", "The clock of the camera's publisher minus this machine's, seconds.", "camera"),
		uncertainty: desc("clock_uncertainty_seconds", "The clock offset is within plus or minus this, seconds.", "camera"),
		reconnects:  counter("reconnects_total", "Connections to the NATS server made again after a loss.", "connection"),
		received:    counter("frames_received_total", "Frames that arrived.", "camera", "kind"),
		bytes:       counter("received_bytes_total", "Bytes of the pictures that arrived, headers not counted.", "camera", "kind"),
		missed:      counter("frames_missed_total", "Frames that were sent and did not arrive, by their numbers.", "camera"),
		rejected:    counter("messages_rejected_total", "Messages on a camera's subject that were no frames.", "camera", "kind", "reason"),
		refused:     counter("requests_refused_total", "Requests to a camera that were refused, or could not be answered.", "camera", "reason"),
		way: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lensbus_bus_publish_to_receive_seconds", Buckets: LatencyBuckets(),
			Help: "From the publisher's handing a frame to NATS to its arrival, clock offset taken out, seconds. Only frames whose publisher's clock is known.",
		}, []string{"camera", "kind"}),
		up: make(map[string]*atomic.Bool), cameras: make(map[measured]*cameraMetrics),
	}
}

// watch is an option for the connection of a purpose; it must come last. What it notes does not need
// the connection's lock, which a write that hangs holds.
func (m *metrics) watch(purpose string) nats.Option {
	up, again := new(atomic.Bool), m.reconnects.WithLabelValues(purpose)
	m.mu.Lock()
	m.up[purpose] = up // an earlier one of this purpose counts no more, whatever it still says
	m.mu.Unlock()
	return func(o *nats.Options) error {
		connected, reconnected, disconnected := o.ConnectedCB, o.ReconnectedCB, o.DisconnectedErrCB
		o.ConnectedCB = func(nc *nats.Conn) {
			up.Store(true)
			if connected != nil {
				connected(nc)
			}
		}
		o.ReconnectedCB = func(nc *nats.Conn) {
			up.Store(true)
			again.Inc()
			if reconnected != nil {
				reconnected(nc)
			}
		}
		o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
			up.Store(false)
			if disconnected != nil {
				disconnected(nc, err)
			}
		}
		return nil
	}
}

// forget leaves out a connection that is no more and will not be made again soon.
func (m *metrics) forget(purpose string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.up, purpose)
}

func (m *metrics) isUp(purpose string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	up := m.up[purpose]
	return up != nil && up.Load()
}

// camera returns what counts for one camera's frames or previews; nil, whose methods do nothing, where
// there are too many.
func (m *metrics) camera(id frame.CameraID, kind frame.Kind, its *clock) *cameraMetrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.cameras[measured{id, kind}]
	if !ok && len(m.cameras) < mostMeasured {
		labels := []string{string(id), string(kind)}
		c = &cameraMetrics{
			clock: its, received: m.received.WithLabelValues(labels...), bytes: m.bytes.WithLabelValues(labels...),
			missed: m.missed.WithLabelValues(string(id)), way: m.way.WithLabelValues(labels...),
			rejected: m.rejected.MustCurryWith(prometheus.Labels{"camera": string(id), "kind": string(kind)}),
		}
		for _, reason := range frame.Reasons() {
			c.rejected.WithLabelValues(string(reason)) // 0 is shown too, or the first one would be no increase
		}
		m.cameras[measured{id, kind}] = c
	}
	return c
}

// cameraMetrics count one camera's frames, or its previews, however many receive them.
type cameraMetrics struct {
	clock                   *clock
	received, bytes, missed prometheus.Counter
	rejected                *prometheus.CounterVec
	way                     prometheus.Observer
}

func (c *cameraMetrics) reject(reason frame.Reason) {
	if c != nil {
		c.rejected.WithLabelValues(string(reason)).Inc()
	}
}

// frame counts a frame that arrived now. One that was kept tells nothing about the way.
func (c *cameraMetrics) frame(f *frame.Frame, missed uint64, kept bool, now time.Time) {
	if c == nil {
		return
	}
	c.received.Inc()
	c.bytes.Add(float64(len(f.Data)))
	c.missed.Add(float64(missed))
	if kept || f.Published.IsZero() {
		return
	}
	if offset, known := c.clock.estimate(now); known {
		c.way.Observe(max(0, offset.Age(f.Published, now).Seconds()))
	}
}

// Metrics are c's numbers for Prometheus, lensbus_bus_…: docs/reference/metrics.md. They are of all
// that is received and published through c, and are for one registry.
func (c *Conn) Metrics() prometheus.Collector { return collector{c} }

// Connected says whether the control connection to the server stands. It never waits.
func (c *Conn) Connected() bool { return c.metrics.isUp("control") }

// collector gives a Conn's numbers out.
type collector struct{ conn *Conn }

func (c collector) vectors() []prometheus.Collector {
	m := c.conn.metrics
	return []prometheus.Collector{m.reconnects, m.received, m.bytes, m.missed, m.rejected, m.refused, m.way}
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	m := c.conn.metrics
	for _, desc := range []*prometheus.Desc{m.connected, m.fetching, m.offset, m.uncertainty} {
		out <- desc
	}
	for _, v := range c.vectors() {
		v.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	m, now := c.conn.metrics, time.Now()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	c.conn.mu.Lock()
	links, closed := c.conn.links, c.conn.closed
	c.conn.mu.Unlock()
	gauge(m.fetching, number(links != nil && links.isFetching(nil)))
	m.mu.Lock()
	for purpose, up := range m.up {
		gauge(m.connected, number(up.Load() && !closed), purpose)
	}
	clocks := make(map[frame.CameraID]*clock)
	for what, c := range m.cameras {
		clocks[what.camera] = c.clock // one of frames and previews
	}
	for id, its := range clocks {
		if offset, known := its.estimate(now); known {
			gauge(m.offset, offset.Offset.Seconds(), string(id))
			gauge(m.uncertainty, offset.Uncertainty.Seconds(), string(id))
		}
	}
	m.mu.Unlock()
	for _, v := range c.vectors() {
		v.Collect(out)
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
