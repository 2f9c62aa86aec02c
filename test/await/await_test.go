package await

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTrue(t *testing.T) {
	for name, c := range map[string]struct {
		comes time.Duration // when the condition comes true
		want  bool
		took  time.Duration
	}{
		"at once":            {0, true, 0},
		"between two ticks":  {25 * time.Millisecond, true, 30 * time.Millisecond},
		"with the last look": {time.Second, true, time.Second},
		"later":              {time.Second + 1, false, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				got := True(time.Second, 10*time.Millisecond, func() bool { return time.Since(began) >= c.comes })
				if took := time.Since(began); got != c.want || took != c.took {
					t.Errorf("%t after %v, want %t after %v", got, took, c.want, c.took)
				}
			})
		})
	}
}

// A machine may stand still until the time is over: what has come true by then is true.
func TestTrueAfterStandingStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		came := True(time.Second, 10*time.Millisecond, func() bool {
			if looks++; looks == 1 {
				time.Sleep(time.Hour)
				return false
			}
			return true
		})
		if !came || looks != 2 {
			t.Errorf("%t after %d looks", came, looks)
		}
	})
}
