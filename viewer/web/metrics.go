package web

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// metrics are what /metrics shows. They name cameras that have shown themselves, nothing else.
type metrics struct {
	registry *prometheus.Registry
	viewers  *prometheus.GaugeVec
	frames   *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	shown    *prometheus.HistogramVec
}

func newMetrics() *metrics {
	labels := []string{"camera", "kind"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		viewers:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lensbus_web_viewers", Help: "Browsers and other clients that watch now."}, labels),
		frames:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lensbus_web_frames_sent_total", Help: "Frames sent to viewers."}, labels),
		skipped:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lensbus_web_frames_skipped_total", Help: "Frames that a viewer was not sent because it was still taking an older one."}, labels),
		bytes:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lensbus_web_sent_bytes_total", Help: "Bytes written to viewers, headers of parts and messages included."}, labels),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lensbus_web_refused_total", Help: "Requests refused, by HTTP status."}, []string{"status"}),
	}
	m.shown = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "lensbus_web_receive_to_shown_seconds", Buckets: bus.LatencyBuckets(),
		Help: "From a frame's arrival here to a viewer's acknowledgement of it, seconds. WebSockets only: other viewers acknowledge nothing.",
	}, labels)
	m.registry.MustRegister(m.viewers, m.frames, m.skipped, m.bytes, m.refused, m.shown)
	return m
}

// handler shows m, and others where there are.
func (m *metrics) handler(others prometheus.Gatherer) http.Handler {
	all := prometheus.Gatherers{m.registry}
	if others != nil {
		all = append(all, others)
	}
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// viewerCount counts for one viewer; leave must be called.
type viewerCount struct {
	viewers                prometheus.Gauge
	frames, skipped, bytes prometheus.Counter
	left                   sync.Once

	// Of a WebSocket, whose viewer acknowledges:
	shown prometheus.Observer
	came  time.Time // the viewer
	away  []away    // frames that are on their way, oldest first
}

// away is a frame that was sent and is not acknowledged.
type away struct {
	n       uint64
	arrived time.Time // here
}

func (m *metrics) viewer(id frame.CameraID, kind string) *viewerCount {
	labels := []string{string(id), kind}
	c := &viewerCount{
		viewers: m.viewers.WithLabelValues(labels...),
		frames:  m.frames.WithLabelValues(labels...),
		skipped: m.skipped.WithLabelValues(labels...),
		bytes:   m.bytes.WithLabelValues(labels...),
	}
	c.viewers.Inc()
	return c
}

// socket is viewer for a WebSocket.
func (m *metrics) socket(id frame.CameraID, kind string) *viewerCount {
	c := m.viewer(id, kind)
	c.shown, c.came = m.shown.WithLabelValues(string(id), kind), time.Now()
	return c
}

// leaves notes that frame n of this viewer is sent, which arrived here then.
func (c *viewerCount) leaves(n uint64, arrived time.Time) {
	if arrived.Before(c.came) {
		arrived = c.came // it did not wait for a viewer that was not there
	}
	c.away = append(c.away, away{n, arrived})
}

// acked notes that every frame up to n is shown.
func (c *viewerCount) acked(n uint64, now time.Time) {
	k := 0
	for ; k < len(c.away) && c.away[k].n <= n; k++ {
		c.shown.Observe(now.Sub(c.away[k].arrived).Seconds())
	}
	c.away = append(c.away[:0], c.away[k:]...)
}

func (c *viewerCount) leave() { c.left.Do(c.viewers.Dec) }

func (c *viewerCount) sent(bytes int64) {
	c.frames.Inc()
	c.bytes.Add(float64(bytes))
}

func (c *viewerCount) skip(frames uint64) {
	if frames > 0 {
		c.skipped.Add(float64(frames))
	}
}
