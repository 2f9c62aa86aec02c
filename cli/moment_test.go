package cli

import (
	"errors"
	"testing"
	"time"
)

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		from, to string
		begin    string
		length   time.Duration
	}{
		{"2026-11-22T10:00:00Z", "+90s", "2026-11-22T10:00:00Z", 90 * time.Second},
		{"2026-11-22T10:00:00.5+01:00", "2026-11-22T10:00:00Z", "2026-11-22T09:00:00.5Z", time.Hour - 500*time.Millisecond},
		{"-10m", "-1m", "2026-11-22T11:50:00Z", 9 * time.Minute},
		{"-1h30m", "now", "2026-11-22T10:30:00Z", 90 * time.Minute},
	} {
		begin, end, err := period(moment(c.from), moment(c.to), now)
		if err != nil || begin.UTC().Format(time.RFC3339Nano) != c.begin || end.Sub(begin) != c.length {
			t.Errorf("%s to %s: %s, %v, %v", c.from, c.to, begin, end.Sub(begin), err)
		}
	}
	if begin, end, err := period("-10m", "", now); err != nil || begin.IsZero() || !end.IsZero() {
		t.Errorf("no end: %s %s %v", begin, end, err)
	}
	for _, c := range [][2]string{{"+5m", ""}, {"yesterday", ""}, {"-x", ""}, {"--5m", ""}, {"-1m", "-2m"}, {"now", "now"}, {"-5m", "+-1m"}, {"10:00", ""}} {
		_, _, err := period(moment(c[0]), moment(c[1]), now)
		if wrong := new(usageError); !errors.As(err, &wrong) {
			t.Errorf("%s to %s: %v", c[0], c[1], err)
		}
	}
}
