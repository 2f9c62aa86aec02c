// Package v4l2 tests cameras against the kernel's own drivers: vivid, which simulates raw cameras,
// and v4l2loopback, which carries MJPG like a USB webcam. Its tests need both and the right to plug
// and unplug, so they are built only with the tag v4l2; the script run beside them provides a
// machine for them. It holds tests only.
package v4l2
