package web

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
	m.registry.MustRegister(m.viewers, m.frames, m.skipped, m.bytes, m.refused)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// viewerCount counts for one viewer; leave must be called.
type viewerCount struct {
	viewers                prometheus.Gauge
	frames, skipped, bytes prometheus.Counter
	left                   sync.Once
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
