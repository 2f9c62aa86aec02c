package window

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// Metrics are the window's numbers for Prometheus, lensbus_window_…: docs/reference/metrics.md, for
// the cameras that it has now. Make one with [NewMetrics]; it is for one registry.
type Metrics struct {
	shown   *prometheus.HistogramVec
	damaged *prometheus.CounterVec
}

// NewMetrics returns numbers for one window ([Deps]).
func NewMetrics() *Metrics {
	return &Metrics{
		shown: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lensbus_window_receive_to_shown_seconds", Buckets: bus.LatencyBuckets(),
			Help: "From a frame's arrival here to its being drawn in the window, seconds.",
		}, []string{"camera"}),
		damaged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lensbus_window_frames_damaged_total", Help: "Frames that could not be decoded.",
		}, []string{"camera"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	m.shown.Describe(out)
	m.damaged.Describe(out)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.shown.Collect(out)
	m.damaged.Collect(out)
}

// counts are one camera's, from when the window has it until it is gone.
type counts struct {
	shown   prometheus.Observer
	damaged prometheus.Counter
}

func (m *Metrics) camera(id frame.CameraID) counts {
	return counts{m.shown.WithLabelValues(string(id)), m.damaged.WithLabelValues(string(id))}
}

func (m *Metrics) remove(id frame.CameraID) {
	m.shown.DeleteLabelValues(string(id))
	m.damaged.DeleteLabelValues(string(id))
}

// timeShown notes how long the frames took that have been drawn for the first time. A frame that is
// drawn again, as after the window has another size, says nothing.
func (w *window) timeShown(now time.Time) {
	for _, v := range w.shown {
		if v.shot != nil && v.shot.at.After(v.timed) {
			v.timed = v.shot.at
			v.feed.counts.shown.Observe(now.Sub(v.shot.at).Seconds())
		}
	}
}
