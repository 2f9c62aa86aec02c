package recorder

import (
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lensbus/lensbus/recorder/segment"
)

// unreadable is a file of which the disk gives nothing.
type unreadable struct{}

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// A file that the disk does not give is not a damaged one. It stays as it is, and is there when it can be read.
func TestReconcileOfWhatCannotBeRead(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	x := openTestIndex(t, folder)
	s := newShots("front", testNoon())
	whole := s.closed(t, folder.Folder, 1)
	open := s.left(t, folder.Folder, 2).Info()
	var healed atomic.Bool
	folder.Reads = func(_ string, file io.ReaderAt) io.ReaderAt {
		if healed.Load() {
			return file
		}
		return unreadable{}
	}
	done := reconcile(t, folder, x)
	if len(done.Damaged) > 0 || len(done.Unreadable) != 2 || len(done.Open) != 1 || done.Open[0] != open.Path || done.Segments != 0 {
		t.Errorf("%+v", done)
	}
	healed.Store(true)
	done = reconcile(t, folder, x)
	if len(done.Damaged)+len(done.Unreadable) > 0 || len(done.Salvaged) != 1 || done.Segments != 2 {
		t.Errorf("%+v", done)
	}
	for _, info := range []segment.Info{whole, open} {
		if path := strings.TrimSuffix(info.Path, ".part"); !strings.Contains(indexed(t, x), path) {
			t.Errorf("%s is not in the index", path)
		}
	}
}
