package publisher

import (
	"errors"
	"fmt"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
)

// changed checks a change against what can be asked at all and returns the settings after it. A rate of
// 0 is none of its own: that of the configuration, else all that the source gives.
func changed(now frame.Settings, c frame.Change, kind source.Kind) (frame.Settings, error) {
	if (c.Width == nil) != (c.Height == nil) {
		return now, errors.New("width and height go together")
	}
	if c.Width != nil {
		if kind != source.KindV4L2 && kind != source.KindTest {
			return now, fmt.Errorf("a source of kind %s gives the size that it gives", kind)
		}
		for _, n := range []int{*c.Width, *c.Height} {
			if n < source.LeastSide || n > source.MostSide {
				return now, fmt.Errorf("%dx%d: want %d to %d pixels", *c.Width, *c.Height, source.LeastSide, source.MostSide)
			}
		}
		if limit := frame.DefaultLimits().Pixels; *c.Width**c.Height > limit {
			return now, fmt.Errorf("%dx%d: a frame has at most %d pixels", *c.Width, *c.Height, limit)
		}
		now.Width, now.Height = *c.Width, *c.Height
	}
	if c.FPS != nil {
		if *c.FPS != 0 && !(*c.FPS >= 0.01 && *c.FPS <= 1000) { // written so that NaN fails
			return now, fmt.Errorf("fps %v: want 0.01 to 1000, or 0 for the rate of the configuration, else all", *c.FPS)
		}
		now.FPS = *c.FPS
	}
	if c.Quality != nil {
		if *c.Quality < 1 || *c.Quality > 100 {
			return now, fmt.Errorf("quality %d: want 1 to 100", *c.Quality)
		}
		now.Quality = *c.Quality
	}
	return now, nil
}
