package publisher

import (
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/opencv"
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
// for one.
func opener(kind source.Kind, isolate bool, command []string) source.Opener {
	if native(kind) && isolate && len(command) > 0 && opencv.Built {
		return worker.Opener(command)
	}
	return Opener(kind)
}
