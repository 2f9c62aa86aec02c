package window

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/lensbus/lensbus/frame"
)

func numbers(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName() + " " + metric.GetLabel()[0].GetValue()
			values[name] = metric.GetCounter().GetValue()
			if h := metric.GetHistogram(); h != nil {
				values[name] = float64(h.GetSampleCount())
				values[name+" sum"] = h.GetSampleSum()
			}
		}
	}
	return values
}

func TestShownIsTimedOnce(t *testing.T) {
	conn := connect(t, startServer(t))
	p, m := newPaper(), NewMetrics()
	front := startCamera(t, conn, "front", 20, red(t))
	began := time.Now()
	_, ended := runPaperWith(t, Deps{Bus: conn, Metrics: m}, p, Config{Cameras: []frame.CameraID{"front"}})
	const shown = "lensbus_window_receive_to_shown_seconds front"
	eventually(t, 10*time.Second, "frames are shown and timed", func() bool { return numbers(t, m)[shown] >= 5 })
	front.cancel()
	before, since := -1.0, time.Now() // until no frame is on its way
	eventually(t, 10*time.Second, "no further frame is timed", func() bool {
		if now := numbers(t, m)[shown]; now != before {
			before, since = now, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
	if mean := numbers(t, m)[shown+" sum"] / before; mean <= 0 || mean > time.Since(began).Seconds() {
		t.Errorf("%v s from arrival to the screen", mean)
	}
	// Another size: the same frame is decoded and drawn again.
	decodes, shows := p.decodes.Load(), p.count()
	if err := p.resize(p.size().Mul(2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "it is decoded again", func() bool { return p.decodes.Load() > decodes && p.count() > shows })
	shows = p.count()
	eventually(t, 10*time.Second, "it is drawn again", func() bool { return p.count() > shows })
	if now := numbers(t, m)[shown]; now != before {
		t.Errorf("%v frames are timed, %v were shown", now, before)
	}
	p.keys <- 'q'
	wantEnd(t, ended)
}
