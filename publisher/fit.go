package publisher

import (
	"bytes"
	"fmt"
	"image/jpeg"
)

// fitter makes pictures fit that are too large for the broker, by encoding them again at lower and
// lower quality. Nothing is ever cut. It is a last resort: it costs a decode and at least one
// encode a frame, and it says so once.
type fitter struct {
	quality int // that fitted last; 0: none needed so far
}

// The steps of quality. Below the last a picture is no longer worth sending.
const (
	firstQuality = 75
	lastQuality  = 10
	qualityStep  = 15
)

// shrink returns data encoded anew in at most limit bytes.
func (f *fitter) shrink(data []byte, limit int) ([]byte, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decode a frame of %d bytes: %w", len(data), err)
	}
	// Begin where the last one fitted, one step up, so that the quality comes back by itself.
	start := firstQuality
	if f.quality > 0 {
		start = min(f.quality+qualityStep, firstQuality)
	}
	for quality := start; ; quality = max(quality-qualityStep, lastQuality) {
		smaller, err := encode(img, quality)
		if err != nil {
			return nil, fmt.Errorf("encode a frame at quality %d: %w", quality, err)
		}
		if len(smaller) <= limit {
			f.quality = quality
			return smaller, nil
		}
		if quality == lastQuality {
			return nil, fmt.Errorf("%d bytes at the lowest quality, the broker takes %d: ask the camera for a smaller picture or raise max_payload", len(smaller), limit)
		}
	}
}
