package nemesis

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestRecordingLosesNothing is the short round.
func TestRecordingLosesNothing(t *testing.T) {
	round(t, setup{cameras: 2, fps: 15, bytes: 60_000, recorder: "  segment: 4s\n"}, plan{
		duration: 12 * time.Second, killRecorder: 6, killBroker: 1, killBoth: 1, killPublisher: 1, pauseRecorder: 1,
		shortestPause: 200 * time.Millisecond, longestPause: time.Second,
	})
}

// TestSoak is the long round, which `make soak` runs.
func TestSoak(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("SOAK_DURATION"))
	if err != nil {
		t.Skip("SKIPPED: the long round is run by make soak")
	}
	round(t, setup{
		cameras: number(t, "SOAK_CAMERAS", 4), fps: float64(number(t, "SOAK_FPS", 15)), bytes: number(t, "SOAK_BYTES", 60_000),
		recorder: "  segment: 20s\n",
	}, plan{
		duration: duration, killRecorder: number(t, "SOAK_RECORDER_KILLS", 50), killBroker: number(t, "SOAK_BROKER_KILLS", 10), killBoth: number(t, "SOAK_BOTH_KILLS", 5),
		killPublisher: number(t, "SOAK_PUBLISHER_KILLS", 5), pauseRecorder: number(t, "SOAK_PAUSES", 5), pauseBroker: number(t, "SOAK_PAUSES", 5),
		shortestPause: 500 * time.Millisecond, longestPause: seconds(4),
	})
}

// round runs a system, strikes it, and checks what is left.
func round(t *testing.T, with setup, p plan) {
	p.seed = uint64(number(t, "NEMESIS_SEED", rand.IntN(1<<31)))
	t.Logf("seed %d: NEMESIS_SEED=%[1]d strikes at the same moments again", p.seed)
	s := newSystem(t, with)
	s.start()
	s.storedAtLeast(1)
	stop := s.watch()
	dealt := p.strike(s)
	s.storedAtLeast(15) // after the last blow too
	goesOn := stop()
	s.finish()
	s.broker.look()
	r := s.check()
	report := s.report(p, r, dealt, goesOn)
	t.Log("\n" + report)
	if path := os.Getenv("SOAK_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(report), 0o600); err != nil {
			t.Error(err)
		}
	}
	if r.stored() == 0 || r.frames == 0 {
		t.Errorf("nothing was tested: %s", r.summary())
	}
}

// number is a variable of the environment.
func number(t *testing.T, variable string, standard int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q: want a number", variable, text)
	}
	return n
}
