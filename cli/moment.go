package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// moment is a time on the command line: 2026-11-22T10:00:00Z (RFC 3339), -10m (ago), +90s (after the
// other one), or now. Empty: not given.
type moment string

// momentHelp is what help says about them.
const momentHelp = "2026-11-22T10:00:00Z, -10m (ago), or now"

// Decode takes what follows as it is: kong would take -10m for a flag.
func (m *moment) Decode(c *kong.DecodeContext) error {
	token := c.Scan.Pop()
	text, ok := token.Value.(string)
	if !ok || text == "" {
		return errors.New("want a time: " + momentHelp)
	}
	*m = moment(text)
	if _, err := m.resolve(time.Now(), time.Now()); err != nil {
		return err
	}
	return nil
}

// resolve is the time that is meant; zero where none is given. after is what + counts from.
func (m moment) resolve(now, after time.Time) (time.Time, error) {
	text := string(m)
	switch {
	case text == "":
		return time.Time{}, nil
	case text == "now":
		return now, nil
	case strings.HasPrefix(text, "-"), strings.HasPrefix(text, "+"):
		d, err := time.ParseDuration(text[1:])
		if err != nil || d < 0 {
			return time.Time{}, fmt.Errorf("%.40q is no time: want %s", text, momentHelp)
		}
		if text[0] == '-' {
			return now.Add(-d), nil
		}
		return after.Add(d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is no time: want %s", text, momentHelp)
	}
	return t, nil
}

// period is the stretch of time between two moments; a zero end is the newest there is.
func period(from, to moment, now time.Time) (begin, end time.Time, err error) {
	if strings.HasPrefix(string(from), "+") {
		return begin, end, usage(fmt.Errorf("--from %s: only --to counts from the other one", from))
	}
	if begin, err = from.resolve(now, now); err != nil {
		return begin, end, usage(fmt.Errorf("--from: %w", err))
	}
	if end, err = to.resolve(now, begin); err != nil {
		return begin, end, usage(fmt.Errorf("--to: %w", err))
	}
	if !end.IsZero() && !begin.Before(end) {
		return begin, end, usage(fmt.Errorf("--from %s is not before --to %s", begin.Format(time.RFC3339), end.Format(time.RFC3339)))
	}
	return begin, end, nil
}
