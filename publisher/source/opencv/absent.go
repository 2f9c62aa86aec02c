//go:build !opencv

package opencv

import (
	"context"

	"github.com/lensbus/lensbus/publisher/source"
)

// Built says whether OpenCV is in this program.
const Built = false

// Version is OpenCV's version: empty, because this program was built without it.
func Version() string { return "" }

// Backends are the ways in which OpenCV can capture: none, because this program was built without it.
func Backends() []string { return nil }

// OpenV4L2 returns [ErrNotBuilt].
func OpenV4L2(context.Context, source.Spec, source.Env) (source.Source, error) {
	return nil, ErrNotBuilt
}

// OpenFile returns [ErrNotBuilt].
func OpenFile(context.Context, source.Spec, source.Env) (source.Source, error) {
	return nil, ErrNotBuilt
}

// OpenRTSP returns [ErrNotBuilt].
func OpenRTSP(context.Context, source.Spec, source.Env) (source.Source, error) {
	return nil, ErrNotBuilt
}

// OpenAny returns [ErrNotBuilt].
func OpenAny(context.Context, source.Spec, source.Env) (source.Source, error) {
	return nil, ErrNotBuilt
}
