//go:build unix

package publisher

import (
	"os"
	"syscall"
	"testing"
)

// blockingFile makes a file whose opening for writing waits until the function that it returns is
// called: a disk that takes its time.
func blockingFile(t *testing.T, path string) (unblock func()) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = reader.Close() })
	}
}
