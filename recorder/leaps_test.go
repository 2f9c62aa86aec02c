package recorder

import (
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestLeaps(t *testing.T) {
	noon := testNoon()
	type stored struct {
		seq    uint64
		after  time.Duration // noon
		doubts bool
	}
	for name, all := range map[string][]stored{
		"one after another":        {{11, time.Second, false}, {12, time.Second, false}},
		"forged, and real between": {{1 << 62, time.Second, true}, {11, 2 * time.Second, false}, {1<<62 + 1, 20 * time.Second, true}, {12, 21 * time.Second, false}},
		"forged, one each":         {{1 << 60, time.Second, true}, {1 << 61, time.Minute, true}, {1 << 62, time.Hour, true}},
		"hours without a broker":   {{30 * 3600 * 9, 9 * time.Hour, false}},
		"the clock was put back":   {{1_000_000, -time.Hour, true}, {1_000_001, -time.Hour + 5*time.Second, true}, {1_000_002, -time.Hour + 10*time.Second, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var k known
			var l leaps
			k.add("epoch", 10, noon)
			for _, s := range all {
				m := bus.Stored{At: noon.Add(s.after), Frame: frame.Frame{Epoch: "epoch", Seq: s.seq}}
				if doubts := l.doubts(&k, m); doubts != s.doubts {
					t.Errorf("frame %d: %t", s.seq, doubts)
				} else if !doubts {
					k.add("epoch", s.seq, m.At)
				}
			}
		})
	}
}
