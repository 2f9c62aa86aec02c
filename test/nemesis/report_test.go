package nemesis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// report is the table of a round, for people and for the documentation (Markdown).
func (s *system) report(p plan, r result, dealt []struck, goesOn []moment) string {
	var text strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&text, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&text, "| %d cameras × %g fps × %d KB, %v, seed %d | |\n|---|---|\n", len(s.cameras.IDs), s.cameras.FPS, s.cameras.Bytes/1000, p.duration, p.seed)
	left, confirmed, unsent := 0, r.stored(), uint64(0)
	unstored := make(map[bus.UnstoredReason]int)
	unknown := 0
	for _, f := range r.account.frames {
		unsent += f.missed
		switch {
		case f.offline:
			continue
		case f.reason != "":
			unstored[f.reason]++
		case f.number == 0:
			unknown++
		}
		left++
	}
	row("frames published", "%d", left)
	row("frames confirmed by the broker", "%d", confirmed)
	for _, reason := range slices.Sorted(maps.Keys(unstored)) {
		row("frames not confirmed: "+string(reason), "%d", unstored[reason])
	}
	row("frames whose outcome a killed publisher did not learn", "%d", unknown)
	row("frames recorded", "%d in %d files, %d MB", r.frames, r.segments, r.bytes/1_000_000)
	row("of these not confirmed, and stored all the same", "%d", r.unacked)
	row("frames that came to a recorder again, and were left out", "%.0f", s.duplicates)
	for _, reason := range slices.Sorted(maps.Keys(r.gaps)) {
		row("gaps told: "+string(reason), "%d, %d frames missing", r.gaps[reason], r.missing[reason])
	}
	row("pictures that could not be sent, for want of a connection", "%d, %d of them in gaps between frames", unsent, r.unsent)
	row("confirmed and not recorded, twice, damaged, unexplained", "%d", r.unexplained)
	for _, what := range []string{killRecorder, pauseRecorder, killBoth, killBroker, pauseBroker, killPublisher} {
		again, word := goesOn, "recorded"
		if what == killBroker || what == pauseBroker || what == killPublisher {
			again, word = r.acks, "stored"
		}
		all := outages(dealt, what, s.cameras.IDs, again)
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		row(what, "%d times; all cameras %s again after %.2f s at most, half of the times within %.2f s",
			len(all), word, all[len(all)-1].Seconds(), all[len(all)/2].Seconds())
	}
	row("memory at most: broker, recorder, publisher", "%d, %d, %d MB", s.broker.peak>>20, s.recorder.peak>>20, s.publisher.peak>>20)
	return text.String()
}

// summary is one line of it.
func (r result) summary() string {
	return fmt.Sprintf("%d frames published, %d confirmed, %d recorded in %d files, %d unexplained", len(r.account.frames), r.stored(), r.frames, r.segments, r.unexplained)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
