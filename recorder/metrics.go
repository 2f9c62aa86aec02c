package recorder

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/frame"
)

// Metrics are the recorder's numbers for Prometheus, lensbus_recorder_…: docs/reference/metrics.md.
// They are for one registry and any number of [Run]s. Make one with [NewMetrics].
type Metrics struct {
	frames, bytes, segments, gaps, quarantined, duplicates, failures *prometheus.Desc
	state, lagFrames, lagSeconds, kept, oldest, free, removed        *prometheus.Desc
	indexed                                                          *prometheus.Desc
	fsync                                                            *prometheus.HistogramVec

	mu        sync.Mutex
	recorders map[*recorder]struct{}
}

// NewMetrics returns numbers to which Run adds its own ([Deps]).
func NewMetrics() *Metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lensbus_recorder_"+name, help, labels, nil)
	}
	return &Metrics{
		frames:      desc("frames_total", "Frames that are on disk, synced.", "camera"),
		bytes:       desc("recorded_bytes_total", "Bytes of these pictures.", "camera"),
		segments:    desc("segments_total", "Segments that were closed.", "camera"),
		gaps:        desc("gaps_total", "Holes in what was recorded.", "camera", "reason"),
		quarantined: desc("quarantined_total", "Stored messages that were no frames and were put aside.", "camera", "reason"),
		duplicates:  desc("duplicates_total", "Frames that came again and were left out.", "camera"),
		failures:    desc("failures_total", "How often the disk did not take what was to be written.", "camera"),
		state:       desc("state", "1 for the state that the camera's recording is in, 0 for the others.", "camera", "state"),
		lagFrames:   desc("lag_frames", "Frames that the stream has and that are not on disk.", "camera"),
		lagSeconds:  desc("lag_seconds", "How long ago the newest frame on disk was stored by the broker, seconds; 0 while nothing waits.", "camera"),
		kept:        desc("kept_bytes", "Bytes of the camera's closed segments, and of what was put aside.", "camera"),
		oldest:      desc("oldest_timestamp_seconds", "Capture time of the oldest frame in the camera's closed segments, Unix seconds.", "camera"),
		free:        desc("free_bytes", "Bytes free on the recordings' volume."),
		removed:     desc("removed_segments_total", "Segments that retention removed.", "reason"),
		indexed:     desc("index_failing", "1 while the index cannot be written, else 0."),
		fsync: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lensbus_recorder_fsync_seconds", Help: "Writing a part and waiting until it is on disk, seconds.",
			Buckets: []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10},
		}, []string{"camera"}),
		recorders: make(map[*recorder]struct{}),
	}
}

// add shows a recorder's numbers until the function that it returns is called.
func (m *Metrics) add(r *recorder) (remove func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.free = -1
	m.recorders[r] = struct{}{}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.recorders, r)
	}
}

func (m *Metrics) all() []*recorder {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*recorder
	for r := range m.recorders {
		all = append(all, r)
	}
	return all
}

func (m *Metrics) synced(id frame.CameraID, took time.Duration) {
	m.fsync.WithLabelValues(string(id)).Observe(took.Seconds())
}

// Ready says why a camera is not recorded although there is something to record; nil while all are. It
// does not wait for the disk or the network.
func (m *Metrics) Ready() error {
	var faults []error
	for _, r := range m.all() {
		if why := r.whyFull(); why != "" {
			faults = append(faults, errors.New("recording has stopped: "+why))
			continue
		}
		cameras := r.all()
		slices.SortFunc(cameras, func(a, b *camera) int { return cmp.Compare(a.id, b.id) })
		for _, c := range cameras {
			faults = append(faults, c.ready())
		}
	}
	return errors.Join(faults...)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		m.frames, m.bytes, m.segments, m.gaps, m.quarantined, m.duplicates, m.failures,
		m.state, m.lagFrames, m.lagSeconds, m.kept, m.oldest, m.free, m.removed, m.indexed,
	} {
		out <- desc
	}
	m.fsync.Describe(out)
}

// collectLimit is how long the index may take for a scrape.
const collectLimit = 2 * time.Second

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, r := range m.all() {
		for _, c := range r.all() {
			m.collect(c, out)
		}
		r.mu.Lock()
		free, lag, index := r.free, r.lag, r.index
		for _, reason := range []RemoveReason{RemoveAge, RemoveBytes, RemoveFree} { // 0 is shown too, or the first one would be no increase
			out <- prometheus.MustNewConstMetric(m.removed, prometheus.CounterValue, float64(r.removed[reason].Segments), string(reason))
		}
		r.mu.Unlock()
		if free >= 0 {
			out <- prometheus.MustNewConstMetric(m.free, prometheus.GaugeValue, float64(free))
		}
		out <- prometheus.MustNewConstMetric(m.indexed, prometheus.GaugeValue, number(lag != nil))
		if index == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), collectLimit)
		cameras, _ := index.Cameras(ctx) // what cannot be read is absent
		for _, id := range r.asides.with(cameras) {
			if usage, err := index.Usage(ctx, id); err == nil {
				out <- prometheus.MustNewConstMetric(m.kept, prometheus.GaugeValue, float64(usage.Bytes+r.asides.of(id)), string(id))
			}
			if first, ok, err := index.Oldest(ctx, id); err == nil && ok {
				out <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, float64(first.Start.UnixNano())/1e9, string(id))
			}
		}
		cancel()
	}
	m.fsync.Collect(out)
}

func (m *Metrics) collect(c *camera, out chan<- prometheus.Metric) {
	if c.idle {
		return
	}
	id := string(c.id)
	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), append([]string{id}, labels...)...)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{id}, labels...)...)
	}
	state, n, pending, since := c.snapshot()
	count(m.frames, n.frames)
	count(m.bytes, n.bytes)
	count(m.segments, n.segments)
	count(m.duplicates, n.duplicates)
	count(m.failures, n.failures)
	for _, reason := range []frame.GapReason{
		frame.GapCamera, frame.GapUnstored, frame.GapOverrun, frame.GapDamage, frame.GapRejected, frame.GapUnknown,
	} {
		count(m.gaps, n.gaps[reason], string(reason))
	}
	for _, reason := range []frame.Reason{
		frame.ReasonSubject, frame.ReasonHeader, frame.ReasonCodec, frame.ReasonTooLarge, frame.ReasonPicture, frame.ReasonDimensions,
	} {
		count(m.quarantined, n.quarantined[reason], string(reason))
	}
	for _, s := range states() {
		gauge(m.state, number(s == state), string(s))
	}
	gauge(m.lagFrames, float64(pending))
	lag := 0.0
	if !since.IsZero() && (pending > 0 || state == StateStopped || state == StateBlocked) {
		lag = max(0, time.Since(since).Seconds())
	}
	gauge(m.lagSeconds, lag)
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
