package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// A viewer that takes its time to show a picture is seen in the numbers, with every frame that it
// acknowledged and no other.
func TestShownIsTimed(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	newCamera(t, b.broker.URL(), "front", 5000).run(30)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const takes, frames = 120 * time.Millisecond, 5
	ws, err := dialSocket(ctx, t, b.addr, "/cameras/front/live?ack=1", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	ack := func(n uint64) {
		if err := ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"ack","n":%d}`, n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := uint64(0); n < frames; {
		m, err := ws.next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if m.Type != "frame" {
			continue
		}
		n = m.N
		ack(n + 1000) // of a frame that was never sent
		<-time.After(takes)
		ack(n)
		ack(n) // again
	}
	var count uint64
	var sum float64
	waitFor(t, "all acknowledgements are counted", 10*time.Second, func() bool {
		families, err := b.server.metrics.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() == "lensbus_web_receive_to_shown_seconds" {
				h := family.GetMetric()[0].GetHistogram()
				count, sum = h.GetSampleCount(), h.GetSampleSum()
			}
		}
		return count >= frames
	})
	if count != frames {
		t.Errorf("%d frames were timed, %d were shown", count, frames)
	}
	if mean := time.Duration(sum / float64(count) * float64(time.Second)); mean < takes {
		t.Errorf("shown after %v in the mean, the viewer took %v", mean, takes)
	}
}

func TestMetricsOfTheProcess(t *testing.T) {
	t.Parallel()
	other := prometheus.NewRegistry()
	other.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lensbus_other", Help: "Of another part."}, func() float64 { return 7 }))
	b := testBed(t, Config{})
	server, err := New(Config{}, Deps{Bus: b.bus, Metrics: other})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.metrics.viewer("front", "stream")
	server.metrics.socket("front", "live")
	server.metrics.refused.WithLabelValues("404")
	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/metrics", nil)
	server.Handler().ServeHTTP(answer, request)
	text := answer.Body.String()
	for _, want := range []string{"lensbus_other 7", `lensbus_web_viewers{camera="front",kind="live"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
