//go:build opencv

package opencv

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// interrupted says whether a wait of the calling goroutine's thread is ended by the signal that Go's
// scheduler uses.
func interrupted(t *testing.T) bool {
	t.Helper()
	thread := unix.Gettid()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
			case <-stop:
				return
			}
		}
	}()
	_, err := unix.Poll(nil, 200)
	close(stop)
	<-stopped
	if err != nil && !errors.Is(err, unix.EINTR) {
		t.Fatal(err)
	}
	return err != nil
}

func TestUndisturbed(t *testing.T) {
	restore := undisturbed()
	if interrupted(t) {
		t.Error("a signal ended the wait")
	}
	restore()

	restore = undisturbed()
	var inside, after unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, nil, &inside); err != nil {
		t.Fatal(err)
	}
	restore()
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, nil, &after); err != nil {
		t.Fatal(err)
	}
	if inside.Val[0]&(1<<(unix.SIGURG-1)) == 0 || inside.Val[0]&(1<<(unix.SIGSEGV-1)) != 0 {
		t.Errorf("blocked inside: %#x, want SIGURG and not SIGSEGV in it", inside.Val[0])
	}
	if after.Val[0]&(1<<(unix.SIGURG-1)) != 0 {
		t.Errorf("blocked after: %#x, want no SIGURG in it", after.Val[0])
	}
}
