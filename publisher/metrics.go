package publisher

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// Metrics are the publisher's numbers for Prometheus, lensbus_publisher_…: docs/reference/metrics.md.
// They are those of the cameras that run now, which have their numbers anyway and are asked for
// them; only the time from capture to publishing is noted for every frame. It is for one registry
// and any number of [Run]s. Make one with [NewMetrics].
type Metrics struct {
	sent, bytes, dropped, openings       *prometheus.Desc
	state, rate, width, height, watchers *prometheus.Desc
	lastFrame, stored, unstored          *prometheus.Desc
	latency                              *prometheus.HistogramVec

	mu      sync.Mutex
	cameras map[frame.CameraID]*camera
}

// NewMetrics returns numbers to which Run adds its cameras ([Deps]).
func NewMetrics() *Metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lensbus_publisher_"+name, help, append([]string{"camera"}, labels...), nil)
	}
	return &Metrics{
		sent:      desc("frames_sent_total", "Frames handed to NATS."),
		bytes:     desc("sent_bytes_total", "Bytes of the pictures handed to NATS, headers not counted."),
		dropped:   desc("frames_dropped_total", "Pictures that were not sent.", "reason"),
		openings:  desc("openings_total", "How often the source was opened, or tried to."),
		state:     desc("state", "1 for the state that the camera is in, 0 for the others.", "state"),
		rate:      desc("frames_per_second", "Frames sent a second, over the last seconds."),
		width:     desc("width_pixels", "Width of the newest frame, pixels."),
		height:    desc("height_pixels", "Height of the newest frame, pixels."),
		watchers:  desc("watchers", "Who watches: leases that are held."),
		lastFrame: desc("last_frame_timestamp_seconds", "When the newest frame was captured, Unix seconds."),
		stored:    desc("frames_stored_total", "Frames of a recorded camera that the broker has confirmed as stored."),
		unstored:  desc("frames_unstored_total", "Frames of a recorded camera that were published and not confirmed as stored.", "reason"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lensbus_publisher_capture_to_publish_seconds", Buckets: bus.LatencyBuckets(),
			Help: "From a frame's capture to its being handed to NATS, seconds.",
		}, []string{"camera"}),
		cameras: make(map[frame.CameraID]*camera),
	}
}

// add shows the camera's numbers until the function that it returns is called. m may be nil.
func (m *Metrics) add(c *camera) (remove func()) {
	if m == nil {
		return func() {}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cameras[c.id] = c
	c.sender.latency = m.latency.WithLabelValues(string(c.id))
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.cameras[c.id] == c { // not another one of that name, which has begun already
			delete(m.cameras, c.id)
			m.latency.DeleteLabelValues(string(c.id))
		}
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.sent, m.bytes, m.dropped, m.openings, m.state, m.rate, m.width, m.height, m.watchers, m.lastFrame, m.stored, m.unstored} {
		out <- desc
	}
	m.latency.Describe(out)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	cameras := maps.Clone(m.cameras)
	m.mu.Unlock()
	for _, c := range cameras {
		m.collect(c, out)
	}
	m.latency.Collect(out)
}

func (m *Metrics) collect(c *camera, out chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), append([]string{string(c.id)}, labels...)...)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{string(c.id)}, labels...)...)
	}
	s := c.status()
	count(m.sent, s.Sent)
	count(m.bytes, c.state.bytes())
	for _, reason := range []string{
		source.DropEncode, source.DropRate, source.DropNetwork, source.DropDisconnected, source.DropInvalid, source.DropTooLarge,
	} { // 0 is shown too, or the first one would be no increase
		s.Dropped[reason] += 0
	}
	for reason, n := range s.Dropped {
		count(m.dropped, n, reason)
	}
	if s.Recorded {
		count(m.stored, s.Stored)
		for _, reason := range bus.UnstoredReasons() {
			count(m.unstored, s.Unstored[string(reason)], string(reason))
		}
	}
	count(m.openings, c.tuning.openings())
	for _, state := range frame.States() {
		is := 0.0
		if s.State == state {
			is = 1
		}
		gauge(m.state, is, string(state))
	}
	gauge(m.rate, s.FPS)
	gauge(m.width, float64(s.Width))
	gauge(m.height, float64(s.Height))
	gauge(m.watchers, float64(s.Watchers))
	if !s.LastFrame.IsZero() {
		gauge(m.lastFrame, float64(s.LastFrame.UnixNano())/float64(time.Second))
	}
}

// bytes of the frames that were sent.
func (s *state) bytes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sentBytes
}

// openings is how often the source was to be opened.
func (t *tuning) openings() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(t.run)
}
