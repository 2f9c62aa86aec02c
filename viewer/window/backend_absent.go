//go:build !opencv

package window

// Built says whether OpenCV is in this program.
const Built = false

func newBackend() (backend, error) { return nil, ErrNotBuilt }
