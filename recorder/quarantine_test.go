package recorder

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func rubbish(number uint64) bus.Stored {
	return bus.Stored{
		Number: number, At: time.Date(2026, 11, 22, 12, 0, 0, int(number), time.UTC), Data: []byte("rubbish"),
		Rejected: &frame.RejectError{Reason: frame.ReasonPicture, Detail: "no picture"},
	}
}

// A message that comes again, as after a restart, is kept and told once; and who opens the folder again
// knows what it takes.
func TestQuarantineKeepsAMessageOnce(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	for range 3 {
		var all asides
		q, err := openQuarantine(dir, &all, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		q.put("front", rubbish(7), frame.ReasonPicture)
		q.close()
		files, err := filepath.Glob(filepath.Join(dir, "quarantine", "front", "*.msg"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		if known := all.oldest("front"); len(known) != 1 || known[0].bytes < 100 || !known[0].at.Equal(rubbish(7).At) || all.of("front") != known[0].bytes {
			t.Errorf("%+v", known)
		}
	}
	if n := strings.Count(said.String(), "put aside"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
}

// The disk takes its time for one camera, and no other waits for that.
func TestQuarantineOfACameraHoldsUpNoOther(t *testing.T) {
	q, err := openQuarantine(t.TempDir(), new(asides), silent())
	if err != nil {
		t.Fatal(err)
	}
	defer q.close()
	reached, release := make(chan struct{}), make(chan struct{})
	q.before = func(_, path string) error {
		if strings.Contains(path, "/slow/") {
			close(reached)
			<-release
		}
		return nil
	}
	var slow sync.WaitGroup
	slow.Go(func() { q.put("slow", rubbish(1), frame.ReasonPicture) })
	<-reached
	q.put("front", rubbish(2), frame.ReasonPicture) // or it would hang here
	if files, err := q.list("front"); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	close(release)
	slow.Wait()
	if files, err := q.list("slow"); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}
