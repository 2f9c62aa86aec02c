package v4l2

import (
	"math"
	"slices"
)

type size struct{ width, height uint32 }

// usualSizes are asked for most: what is listed of a device that takes any size in a range.
func usualSizes() []size {
	return []size{{320, 240}, {640, 360}, {640, 480}, {1280, 720}, {1920, 1080}, {3840, 2160}}
}

// within lists sizes of a range of widths and one of heights (least, most, step): the least, the
// usual ones that are in it, the most.
func within(widths, heights [3]uint32) []size {
	if widths[0] > widths[1] || heights[0] > heights[1] {
		return nil
	}
	list := []size{{widths[0], heights[0]}}
	for _, usual := range usualSizes() {
		if onStep(usual.width, widths) && onStep(usual.height, heights) {
			list = append(list, usual)
		}
	}
	list = append(list, size{widths[1], heights[1]})
	slices.SortStableFunc(list[1:len(list)-1], func(a, b size) int { return int(a.width) - int(b.width) })
	return slices.Compact(list)
}

func onStep(v uint32, r [3]uint32) bool {
	return v >= r[0] && v <= r[1] && (r[2] <= 1 || (v-r[0])%r[2] == 0)
}

// rate is the frames per second of an interval in seconds, to a thousandth. It is false for what no
// camera does.
func rate(numerator, denominator uint32) (float64, bool) {
	if numerator == 0 || denominator == 0 {
		return 0, false
	}
	fps := math.Round(1000*float64(denominator)/float64(numerator)) / 1000
	return fps, fps > 0 && fps <= 1000
}

// ratesWithin lists rates of a range: its ends and the usual ones between.
func ratesWithin(slowest, fastest float64) []float64 {
	list := []float64{slowest}
	for _, usual := range []float64{1, 5, 10, 15, 20, 25, 30, 50, 60, 90, 120} {
		if usual > slowest && usual < fastest {
			list = append(list, usual)
		}
	}
	return append(list, fastest)
}
