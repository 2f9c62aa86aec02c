package v4l2

import (
	"slices"

	"github.com/lensbus/lensbus/frame"
)

// mostSizes and mostRates bound what is taken of a driver's lists: all the sizes of a device, and
// the rates of one.
const (
	mostSizes = 1024
	mostRates = 64
	mostSide  = 1 << 16
)

// Sizes lists what a device captures: sizes a pixel format, in the driver's order, each with its
// rates, slowest first and to a thousandth. Of a range of sizes these are its ends and the usual sizes
// in it, of a range of rates likewise. Formats whose code is not four characters are left out. A
// device that captures nothing, or does not say what, has an empty list and no error.
func Sizes(path string) ([]frame.Size, error) {
	n, err := openNode(path)
	if err != nil {
		return nil, err
	}
	defer n.close()
	_, bufType, err := describe(n, path)
	if err != nil {
		return nil, err
	}
	return sizes(n, bufType), nil
}

func sizes(kernel driver, bufType uint32) []frame.Size {
	list := []frame.Size{}
	if bufType == 0 {
		return list
	}
	d := &bounded{driver: kernel, left: mostQuestions}
	for _, code := range formats(d, bufType) {
		first := len(list)
		for _, s := range sizesOf(d, code) {
			if s.width == 0 || s.height == 0 || s.width > mostSide || s.height > mostSide || len(list) >= mostSizes {
				continue
			}
			entry := frame.Size{Width: int(s.width), Height: int(s.height), Format: FourCC(code)}
			if slices.ContainsFunc(list[first:], func(e frame.Size) bool { return e.Width == entry.Width && e.Height == entry.Height }) {
				continue // some cameras list a size twice
			}
			entry.FPS = rates(d, code, s)
			list = append(list, entry)
		}
	}
	return list
}

func sizesOf(d driver, code uint32) []size {
	var list []size
	for i := range uint32(mostSizes) {
		e := frameSizeEnum{index: i, pixelFormat: code}
		if ask(d, ioBoth, vidiocEnumFrameSizes, &e) != nil {
			break
		}
		if e.kind != enumDiscrete { // a range is the only entry
			return append(list, within([3]uint32(e.size[:3]), [3]uint32(e.size[3:]))...)
		}
		list = append(list, size{e.size[0], e.size[1]})
	}
	return list
}

func rates(d driver, code uint32, s size) []float64 {
	var list []float64
	for i := range uint32(mostRates) {
		e := frameIntervalEnum{index: i, pixelFormat: code, width: s.width, height: s.height}
		if ask(d, ioBoth, vidiocEnumFrameIntervals, &e) != nil {
			break
		}
		first, ok := rate(e.interval[0].numerator, e.interval[0].denominator)
		if e.kind == enumDiscrete {
			if ok {
				list = append(list, first)
			}
			continue
		}
		// The shortest interval is the fastest rate.
		if last, also := rate(e.interval[1].numerator, e.interval[1].denominator); ok && also && last <= first {
			list = append(list, ratesWithin(last, first)...)
		}
		break
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TakesSize says whether a device lists a size, by itself or in a range, for any of its formats. It is
// true also for a device that lists none.
func TakesSize(path string, width, height int) (bool, error) {
	n, err := openNode(path)
	if err != nil {
		return false, err
	}
	defer n.close()
	_, bufType, err := describe(n, path)
	if err != nil {
		return false, err
	}
	return takesSize(n, bufType, width, height), nil
}

func takesSize(kernel driver, bufType uint32, width, height int) bool {
	if width <= 0 || height <= 0 || width > mostSide || height > mostSide {
		return false
	}
	listed := false
	d := &bounded{driver: kernel, left: mostQuestions}
	for _, code := range formats(d, bufType) {
		for i := range uint32(mostSizes) {
			e := frameSizeEnum{index: i, pixelFormat: code}
			if ask(d, ioBoth, vidiocEnumFrameSizes, &e) != nil {
				break
			}
			listed = true
			if e.kind != enumDiscrete { // a range is the only entry
				if onStep(uint32(width), [3]uint32(e.size[:3])) && onStep(uint32(height), [3]uint32(e.size[3:])) {
					return true
				}
				break
			}
			if e.size[0] == uint32(width) && e.size[1] == uint32(height) {
				return true
			}
		}
	}
	return !listed
}
