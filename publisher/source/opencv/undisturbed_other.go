//go:build opencv && !linux

package opencv

// undisturbed has nothing to do: it is V4L2 that signals disturb.
func undisturbed() (restore func()) { return func() {} }
