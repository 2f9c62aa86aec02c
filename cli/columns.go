package cli

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// The columns that more than their text depends on.
const (
	titleID    = "ID"
	titleState = "STATE"
	titleAge   = "AGE"
	titleDrops = "DROPPED"
	titleWhy   = "DROPPED FOR"
)

// cameraColumns are what there is to say of a camera in one line, from left to right.
func cameraColumns() []column {
	descending := func(value func(camera) float64) func(a, b camera) int {
		return func(a, b camera) int { return cmp.Compare(value(b), value(a)) }
	}
	return []column{
		{title: titleID, text: func(c camera) string { return string(c.ID) },
			order: func(a, b camera) int { return cmp.Compare(a.ID, b.ID) }},
		{title: titleState, text: stateText, order: func(a, b camera) int { return cmp.Compare(urgency(a), urgency(b)) }},
		{title: "SIZE", spare: 4, text: func(c camera) string { return sizeText(c.Width, c.Height) },
			order: descending(func(c camera) float64 { return float64(c.Width) * float64(c.Height) })},
		{title: "FPS", right: true, text: func(c camera) string { return fpsText(c.FPS, c.FPSAsked) },
			order: descending(func(c camera) float64 { return c.FPS })},
		{title: "KBIT/S", right: true, spare: 3, text: func(c camera) string { return fmt.Sprintf("%.0f", min(c.BitRate/1000, 1e12)) },
			order: descending(func(c camera) float64 { return c.BitRate })},
		{title: "SENT", right: true, spare: 5, text: func(c camera) string { return fmt.Sprint(c.Sent) },
			order: descending(func(c camera) float64 { return float64(c.Sent) })},
		{title: titleDrops, right: true, spare: 1, text: func(c camera) string { return fmt.Sprint(dropped(c.Status)) },
			order: descending(func(c camera) float64 { return float64(dropped(c.Status)) })},
		{title: "UNSTORED", right: true, spare: 2, optional: true, text: unstoredText,
			order: descending(func(c camera) float64 { return float64(sumOf(c.Unstored)) })},
		{title: titleAge, right: true, text: ageText, order: descending(func(c camera) float64 {
			if c.Age == nil {
				return -1
			}
			return *c.Age
		})},
		{title: "WATCH", right: true, spare: 6, text: func(c camera) string { return fmt.Sprint(c.Watchers) },
			order: descending(func(c camera) float64 { return float64(c.Watchers) })},
		{title: "UPTIME", right: true, spare: 7, text: func(c camera) string {
			if c.Uptime == 0 {
				return "-"
			}
			if c.Uptime < 10 {
				return fmt.Sprintf("%ds", int(c.Uptime))
			}
			return spanText(c.Uptime)
		}, order: descending(func(c camera) float64 { return c.Uptime })},
		{title: "HOST", spare: 9, text: func(c camera) string { return plain(c.Host) },
			order: func(a, b camera) int { return cmp.Compare(a.Host, b.Host) }},
		{title: "KIND", spare: 12, text: func(c camera) string { return plain(c.Kind) },
			order: func(a, b camera) int { return cmp.Compare(a.Kind, b.Kind) }},
	}
}

// dropReasons is how many reasons are named in a line that has not all the room there is.
const dropReasons = 2

// listColumns are those of a list that is read from top to bottom: besides the others, why frames were
// dropped, the most frequent reasons of each camera.
func listColumns() []column {
	return append(cameraColumns(), column{title: titleWhy, spare: 11, optional: true, text: func(c camera) string { return reasonsText(c.Dropped, dropReasons) }})
}

// wideColumns are for who has room for them too, and for all reasons.
func wideColumns() []column {
	return []column{
		{title: titleWhy, spare: 11, optional: true, text: func(c camera) string { return reasonsText(c.Dropped, 0) }},
		{title: "UNSTORED FOR", spare: 10, optional: true, text: func(c camera) string { return reasonsText(c.Unstored, 0) }},
		{title: "SOURCE", spare: 13, text: func(c camera) string { return plain(c.Source) }},
	}
}

// reasonColumn says why a camera is not live.
func reasonColumn() column {
	return column{title: "REASON", spare: 8, least: 16, optional: true, text: reasonText}
}

// urgency is what needs looking at first.
func urgency(c camera) int {
	if c.Silent {
		return 0
	}
	order := []frame.State{frame.StateLost, frame.StateFrozen, frame.StateOpening, frame.StateIdle, frame.StateLive}
	if i := slices.Index(order, c.State); i >= 0 {
		return 1 + i
	}
	return 1
}

func stateText(c camera) string {
	if c.Silent {
		return "silent"
	}
	return plain(string(c.State))
}

func reasonText(c camera) string {
	if c.Silent {
		return fmt.Sprintf("not heard for %s", c.quiet.Round(time.Second))
	}
	return plain(c.Reason)
}

func sizeText(width, height int) string {
	if width <= 0 {
		return "-"
	}
	return fmt.Sprintf("%dx%d", width, height)
}

// fpsText is the rate, and the one that is asked for where that is known.
func fpsText(real, asked float64) string {
	text := short(real)
	if asked > 0 {
		text += "/" + strings.TrimSuffix(short(asked), ".0")
	}
	return text
}

// short is a rate in as few characters as it needs.
func short(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", min(v, 1e9))
	}
	return fmt.Sprintf("%.1f", v)
}

func dropped(s frame.Status) uint64 { return sumOf(s.Dropped) }

// unstoredText is nothing of a camera that is not recorded.
func unstoredText(c camera) string {
	if !c.Recorded {
		return ""
	}
	return fmt.Sprint(sumOf(c.Unstored))
}

func sumOf(counts map[string]uint64) uint64 {
	var sum uint64
	for _, n := range counts {
		if sum += n; sum < n {
			return math.MaxUint64
		}
	}
	return sum
}

// reasonsText is why frames were dropped, the most frequent reason first, and no more than most of them;
// 0: all.
func reasonsText(counts map[string]uint64, most int) string {
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		switch {
		case counts[a] > counts[b]:
			return -1
		case counts[a] < counts[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, reason := range reasons {
		if counts[reason] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", reason, counts[reason]))
		}
	}
	if more := len(parts) - most; most > 0 && more > 0 {
		parts = append(parts[:most], fmt.Sprintf("%d more", more))
	}
	return plain(strings.Join(parts, ", "))
}

// ageText is an age as precise as it is known: "34 ms ±1", "~34 ms" by the publisher's own word.
func ageText(c camera) string {
	switch {
	case c.Age == nil:
		return "-"
	case c.AgeUncertainty == nil:
		return "~" + spanText(*c.Age)
	}
	wrong := *c.AgeUncertainty * 1000
	switch {
	case *c.Age >= 10: // whole seconds and more; how exact they are does not matter any more
		return spanText(*c.Age)
	case wrong >= 100:
		return fmt.Sprintf("%s ±%.1fs", spanText(*c.Age), wrong/1000)
	}
	return fmt.Sprintf("%.0f ms ±%.0f", *c.Age*1000, math.Ceil(wrong))
}

// spanText is a span of time in one or two units.
func spanText(seconds float64) string {
	d := time.Duration(min(max(seconds, 0), 1e9) * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d/time.Second%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d/time.Minute%60)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d/time.Hour%24)
}
