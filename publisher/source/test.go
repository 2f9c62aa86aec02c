package source

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// OpenTest opens the test pattern (kind test:): colour bars, a moving disc, the camera's name on a
// colour of its own, and in each picture the wall-clock time and a frame number, drawn large for
// people and machine-readable for programs (see [ReadTestNumber]).
//
// Width, height and frames per second of spec are obeyed; the defaults are 640x480 at 15. The frame
// number counts the pictures that Next returned, from 1. Turns for which nobody waited in time are
// skipped and reported as [DropEncode]. A picture's Captured is the time drawn in it.
func OpenTest(_ context.Context, spec Spec, env Env) (Source, error) {
	env = env.OrDefaults()
	info := Info{Width: spec.Width, Height: spec.Height, FPS: spec.FPS, Format: "jpeg"}
	if info.Width == 0 || info.Height == 0 {
		info.Width, info.Height = 640, 480
	}
	if info.FPS == 0 {
		info.FPS = 15
	}
	if limit := frame.DefaultLimits().Pixels; info.Width*info.Height > limit {
		return nil, fmt.Errorf("test: %dx%d pixels are more than a frame may have (%d): ask for less", info.Width, info.Height, limit)
	}
	s := &testSource{
		tuned: newTuned(env.Quality, info.FPS, 15),
		info:  info, env: env,
		pattern: newPattern(info.Width, info.Height, env.Quality, env.Camera),
		closed:  make(chan struct{}),
	}
	s.pace = newPacer(s.tuned)
	return s, nil
}

type testSource struct {
	*tuned
	info    Info
	env     Env
	pace    pacer
	pattern *pattern
	count   uint64
	began   time.Time // the first picture
	closed  chan struct{}
	once    sync.Once
}

func (s *testSource) Next(ctx context.Context) (Picture, error) {
	skipped, err := s.pace.wait(ctx, s.closed)
	if err != nil {
		return Picture{}, err
	}
	if skipped > 0 {
		s.env.Dropped(DropEncode, uint64(skipped))
	}
	now := time.Now()
	if s.count == 0 {
		s.began = now
	}
	s.count++
	s.pattern.encoder.setQuality(s.encoding())
	captured := s.env.Now()
	s.pattern.draw(uint32(s.count&math.MaxUint32), captured, now.Sub(s.began))
	data, err := s.pattern.encoder.encode()
	if err != nil {
		return Picture{}, fmt.Errorf("test: encoding the picture: %w", err)
	}
	return Picture{Data: data, Captured: captured}, nil
}

func (s *testSource) Info() Info {
	info := s.info
	info.FPS = s.rate()
	return info
}

func (s *testSource) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
