package recorder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/frame"
)

// withMounts runs body in a process that may mount what it likes and that nobody else sees. Where
// the system allows that to nobody, it says so.
func withMounts(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	const variable = "LENSBUS_TEST_OWN_MOUNTS"
	if os.Getenv(variable) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		body(t)
		return
	}
	cmd := helper(t, variable, "yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("NOT TESTED: %s, because this system gives nobody mounts of his own: %v", t.Name(), err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

func mountTmpfs(t *testing.T, path, options string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func TestReadOnlyVolume(t *testing.T) {
	withMounts(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "volume")
		mountTmpfs(t, path, "size=1m")
		folder := openTestFolder(t, path)
		info := newShots("front", testNoon()).closed(t, folder.Folder, 1)
		x := openTestIndex(t, folder)
		reconcile(t, folder, x)

		// A segment that has to go, and cannot.
		if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); !errors.Is(err, unix.EBUSY) {
			t.Fatal("a volume that is written to was made read-only:", err)
		}
		if err := errors.Join(x.Close(), folder.Close()); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, filepath.Join(path, "below")} {
			if _, err := OpenFolder(p); !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), "read-only") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", p, err)
			}
		}
		// What is there can be looked at all the same.
		found, err := VerifyAll(t.Context(), path, nil)
		if err != nil || !found.Sound() || found.Frames != info.Frames {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

func TestRetentionOnASmallVolume(t *testing.T) {
	withMounts(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "volume")
		mountTmpfs(t, path, "size=4m")
		folder := openTestFolder(t, path)
		x := openTestIndex(t, folder)
		s := newShots("front", testNoon())
		s.padding = 30_000
		r := newRetention(folder, x, func(frame.CameraID) Keep { return Keep{} }, 1<<20, silent())
		steady := time.Duration(0)
		r.clock = func() (time.Time, time.Duration) { return s.at, steady }
		for range 30 { // 9 MB
			if err := x.Add(t.Context(), s.closed(t, folder.Folder, 1)); err != nil {
				t.Fatal(err)
			}
			done, err := r.Sweep(t.Context())
			if err != nil || done.Short > 0 || done.Room.Free < 1<<20-64<<10 {
				t.Fatalf("%+v, %v", done, err)
			}
			steady += time.Second
		}
		infos, err := x.Segments(t.Context(), "front", time.Time{}, time.Time{})
		if err != nil || len(infos) < 3 || !infos[len(infos)-1].End.Equal(s.at.Add(-100*time.Millisecond)) {
			t.Fatalf("%d segments are left, %v", len(infos), err)
		}
		if got := wholeFiles(t, folder); got != indexed(t, x) {
			t.Error(got)
		}

		// Somebody reads the oldest and keeps it from being freed: only that much is waited for.
		reader, err := folder.Folder.Open(infos[0].Path)
		if err != nil {
			t.Fatal(err)
		}
		room, err := folder.Room()
		if err != nil {
			t.Fatal(err)
		}
		r.minFree = room.Free + 1
		for range 10 {
			if _, err := r.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			steady += time.Second
		}
		if left, err := x.Usage(t.Context(), "front"); err != nil || left.Segments != uint64(len(infos)-1) {
			t.Errorf("%d of %d segments are left, %v", left.Segments, len(infos), err)
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		if room, err := folder.Room(); err != nil || room.Free < r.minFree {
			t.Error(room, err)
		}
	})
}

func TestFullVolume(t *testing.T) {
	withMounts(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "volume")
		mountTmpfs(t, path, "size=2m")
		folder := openTestFolder(t, path)
		s := newShots("front", testNoon())
		s.padding = 30_000
		for range 3 {
			s.closed(t, folder.Folder, 1)
		}
		if err := folder.Close(); err != nil {
			t.Fatal(err)
		}
		fillUp(t, path)
		// A recorder starts all the same. Without an index it cannot know what to remove: it says so.
		folder = openTestFolder(t, path)
		if _, _, err := OpenIndex(t.Context(), folder); err == nil {
			t.Error("an index was made on a full volume")
		}
		if err := os.Remove(filepath.Join(path, "somebody-elses")); err != nil {
			t.Fatal(err)
		}
		x := openTestIndex(t, folder)
		if done := reconcile(t, folder, x); done.Segments != 3 {
			t.Errorf("%+v", done)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		fillUp(t, path)
		// Nor can one be opened that is there. Room is made where room is to be kept.
		if x, _, err := OpenIndex(t.Context(), folder); err == nil {
			_ = x.Close()
			t.Error("an index was opened on a full volume")
		}
		if n, err := makeRoom(t.Context(), folder, 0); n != 0 || err != nil {
			t.Error("made room that nobody wants:", n, err)
		}
		if n, err := makeRoom(t.Context(), folder, 400_000); n != 2 || err != nil {
			t.Error("made room:", n, err)
		}
		x = openTestIndex(t, folder)
		if done := reconcile(t, folder, x); done.Segments != 1 || done.Forgotten != 2 {
			t.Errorf("%+v", done)
		}
		// And when it becomes full while the index is open.
		fillUp(t, path)
		r := newRetention(folder, x, func(frame.CameraID) Keep { return Keep{} }, 200_000, silent())
		done, err := r.Sweep(t.Context())
		if err != nil || done.Removed[RemoveFree].Segments != 1 || done.Room.Free < 200_000 {
			t.Errorf("%+v, %v", done, err)
		}
		if got := indexed(t, x); got != "" || wholeFiles(t, folder) != "" {
			t.Error(got)
		}
	})
}

// fillUp is what another program does to a volume.
func fillUp(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(path, "somebody-elses"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 4096); err == nil; {
		_, err = file.Write(buf)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}
