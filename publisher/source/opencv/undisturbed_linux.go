//go:build opencv

package opencv

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// undisturbed keeps signals away from the calling goroutine until the function that it returns is
// called. Go's scheduler interrupts threads with a signal all the time, and OpenCV 4.6 takes a wait
// for a V4L2 device that a signal ended for the end of the device. Signals that are for the process
// go to another thread.
func undisturbed() (restore func()) {
	runtime.LockOSThread()
	set, before := asynchronous(), unix.Sigset_t{}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before); err != nil { // works without, most of the time
		return runtime.UnlockOSThread
	}
	return func() {
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) // as it was set above
		runtime.UnlockOSThread()
	}
}

// asynchronous are the signals that come from outside a thread. Those of a fault in it must get
// through, and so must the C library's own.
func asynchronous() unix.Sigset_t {
	var set unix.Sigset_t
	word := int(unsafe.Sizeof(set.Val[0]) * 8)
	for _, s := range []unix.Signal{
		unix.SIGURG, unix.SIGCHLD, unix.SIGPROF, unix.SIGALRM, unix.SIGVTALRM, unix.SIGIO, unix.SIGWINCH, unix.SIGCONT, unix.SIGTSTP,
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2,
	} {
		bit := int(s) - 1
		set.Val[bit/word] |= 1 << (bit % word)
	}
	return set
}
