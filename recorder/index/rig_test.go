package index

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("LENSBUS_TEST_ADD_UNTIL_KILLED"); path != "" {
		addUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)

func open(t testing.TB) *Index {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "a ?#%41 folder.sqlite"))
}

func openAt(t testing.TB, path string) *Index {
	t.Helper()
	x, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(x.Close(), x.Close()); err != nil {
			t.Error(err)
		}
	})
	return x
}

// recorded is a segment of ten seconds at 10 fps.
func recorded(camera frame.CameraID, start time.Time, gaps ...frame.Gap) segment.Info {
	return segment.Info{
		Camera: camera, Path: segment.Path(camera, start), Epoch: "EPOCH", Codec: frame.JPEG, Width: 640, Height: 480,
		FirstSeq: 1, LastSeq: 100, FirstStored: 11, LastStored: 110,
		Start: start, End: start.Add(9900 * time.Millisecond), Duration: 10 * time.Second, Frames: 100, Bytes: 1000, Gaps: gaps,
	}
}

func without(gaps segment.Info) segment.Info {
	gaps.Gaps = nil
	return gaps
}

func add(t testing.TB, x *Index, infos ...segment.Info) {
	t.Helper()
	for _, info := range infos {
		if err := x.Add(context.Background(), info); err != nil {
			t.Fatal(err)
		}
	}
}

// addGap notes a gap that is in no segment.
func addGap(t *testing.T, x *Index, camera frame.CameraID, gap frame.Gap) error {
	return x.Update(t.Context(), func(tx *Tx) error { return tx.AddGap(t.Context(), camera, gap) })
}

func segments(t *testing.T, x *Index, camera frame.CameraID, from, to time.Time) []segment.Info {
	t.Helper()
	got, err := x.Segments(t.Context(), camera, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func gaps(t *testing.T, x *Index, camera frame.CameraID) []frame.Gap {
	t.Helper()
	got, err := x.Gaps(t.Context(), camera, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("- expected, + got:\n%s", diff)
	}
}
