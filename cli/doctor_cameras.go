package cli

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lensbus/lensbus/frame"
)

// worstClock is how far apart clocks may be before it is said, in seconds.
const worstClock = 1.0

// checkCameras looks at the cameras on the bus and at their clocks.
func checkCameras(ctx context.Context, p *patient) []finding {
	cameras, err := p.cameras(ctx)
	switch {
	case p.conn == nil:
		return []finding{{Status: warn, Text: "not asked: there is no server"}}
	case err != nil:
		return []finding{{Status: fail, Text: err.Error(), Do: "look at the server's log"}}
	}
	var found []finding
	if len(cameras) == 0 {
		found = append(found, finding{Status: warn, Text: "no camera is on the bus", Do: "publish one: lensbus publish --camera ID=SOURCE"})
	}
	good := 0
	for _, c := range cameras {
		text := fmt.Sprintf("%s on %s is %s", c.ID, plain(c.Host), stateText(c))
		switch {
		case c.Silent:
			text += ": " + reasonText(c)
		case c.Reason != "": // as long as it is
			text += ": " + c.Reason
		}
		switch {
		case c.Silent:
			found = append(found, finding{Status: fail, Text: text, Do: "see whether its publisher still runs and reaches the server"})
		case c.State == frame.StateLost, c.State == frame.StateFrozen:
			found = append(found, finding{Status: fail, Text: text, Do: "see to the camera or its source; it is opened again by itself"})
		default:
			good++
		}
		for _, warning := range c.Warnings {
			found = append(found, finding{Status: warn, Text: fmt.Sprintf("%s: %s", c.ID, warning)})
		}
	}
	if good > 0 {
		found = append([]finding{{Status: ok, Text: fmt.Sprintf("%d of %d cameras are well", good, len(cameras))}}, found...)
	}
	return slices.Concat(found, p.missing(cameras), clocks(cameras))
}

// missing are cameras of the file that are not on the bus.
func (p *patient) missing(cameras []camera) []finding {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(p.file.Cameras)) {
		if !slices.ContainsFunc(cameras, func(c camera) bool { return c.ID == id }) {
			ids = append(ids, string(id))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []finding{{Status: warn, Text: "in the file, but not on the bus: " + strings.Join(ids, ", "), Do: "start `lensbus publish` or `lensbus up` with the file"}}
}

// clocks compares the clocks of the cameras' machines with this one's.
func clocks(cameras []camera) []finding {
	hosts := make(map[string]camera) // that with the smallest uncertainty; whether it is measured says AgeUncertainty
	var unknown []string
	for _, c := range cameras {
		if c.ClockOffset == nil {
			unknown = append(unknown, string(c.ID))
			continue
		}
		if known, ok := hosts[c.Host]; !ok || math.Abs(*c.ClockOffset) < math.Abs(*known.ClockOffset) {
			hosts[c.Host] = c
		}
	}
	var found []finding
	worst := 0.0
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		offset := *hosts[host].ClockOffset
		worst = max(worst, math.Abs(offset))
		if math.Abs(offset) <= worstClock {
			continue
		}
		way := "ahead of"
		if offset < 0 {
			way = "behind"
		}
		found = append(found, finding{Status: warn, Text: fmt.Sprintf("the clock of %s is %s %s this machine's", plain(host), spanText(math.Abs(offset)), way),
			Do: "set the wrong one by NTP (timedatectl set-ntp true); lensbus corrects ages, other programs and recordings do not"})
	}
	if len(hosts) > 0 && len(found) == 0 {
		found = append(found, finding{Status: ok, Text: fmt.Sprintf("clocks agree to %.1f ms, on %s", worst*1000, machines(len(hosts)))})
	}
	if len(unknown) > 0 {
		found = append(found, finding{Status: warn, Text: "do not answer, so that nobody can ask or steer them or compare their clocks: " + plain(strings.Join(unknown, ", ")),
			Do: "give this user the right to cam.*.control.*; programs of others may have no control at all"})
	}
	return found
}

func machines(n int) string {
	if n == 1 {
		return "1 machine"
	}
	return fmt.Sprintf("%d machines", n)
}
