package publisher

import (
	"context"
	"fmt"

	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/opencv"
	"github.com/lensbus/lensbus/publisher/source/v4l2"
	"github.com/lensbus/lensbus/publisher/source/worker"
)

// Opener returns what opens a source of that kind in this process. It is the one list of kinds; a
// capture worker uses it too.
func Opener(kind source.Kind) source.Opener {
	switch kind {
	case source.KindTest:
		return source.OpenTest
	case source.KindImages:
		return source.OpenImages
	case source.KindHTTP, source.KindHTTPS:
		return source.OpenHTTP
	case source.KindV4L2:
		return opencv.OpenV4L2
	case source.KindFile:
		return opencv.OpenFile
	case source.KindRTSP, source.KindRTSPS:
		return opencv.OpenRTSP
	default: // source.Parse knows no further kind
		return opencv.OpenAny
	}
}

// native says whether a source of that kind runs OpenCV's code.
func native(kind source.Kind) bool {
	switch kind {
	case source.KindTest, source.KindImages, source.KindHTTP, source.KindHTTPS:
		return false
	}
	return true
}

// opener is Opener, in a process of its own where native code would run and there is a command
// for one. spare is that of all cameras; it may be nil.
func opener(kind source.Kind, isolate bool, command []string, spare *worker.Spare) source.Opener {
	if !native(kind) || !isolate || len(command) == 0 || !opencv.Built {
		return Opener(kind)
	}
	if kind != source.KindV4L2 || spare == nil {
		return worker.Opener(command)
	}
	// A camera that is unplugged is looked for again and again: not with a process each time, but with one
	// that waits, so that its pictures are back as soon as it is.
	return func(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
		if _, err := v4l2.Probe(spec.Address); err != nil {
			spare.Ready()
			return nil, fmt.Errorf("%s: %w", spec, err)
		}
		src, err := spare.Open(ctx, spec, env)
		if err == nil {
			spare.Ready()
		}
		return src, err
	}
}
