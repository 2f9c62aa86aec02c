package recorder

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

func openTestFolder(t testing.TB, path string) *Folder {
	t.Helper()
	folder, err := OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(folder.Close(), folder.Close()); err != nil {
			t.Error(err)
		}
	})
	return folder
}

func openTestIndex(t testing.TB, folder *Folder) *index.Index {
	t.Helper()
	x, _, err := OpenIndex(context.Background(), folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// shots is what a camera in a test sends: ten frames a second. Its fields may be changed in between,
// for what is missing then.
type shots struct {
	camera      frame.CameraID
	epoch       string
	seq, stored uint64
	at          time.Time
	padding     int // bytes
}

func newShots(camera frame.CameraID, at time.Time) *shots {
	return &shots{camera: camera, epoch: "EPOCH", at: at}
}

func (s *shots) next() (frame.Frame, uint64) {
	s.seq++
	s.stored++
	f := frame.Frame{
		Camera: s.camera, Epoch: s.epoch, Seq: s.seq, Captured: s.at, Codec: frame.JPEG, Width: 16, Height: 16, Key: true,
		Data: smallPicture(s.padding),
	}
	s.at = s.at.Add(100 * time.Millisecond)
	return f, s.stored
}

// smallPicture is a JPEG with that many bytes of comment in it.
func smallPicture(padding int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		panic(err)
	}
	data := append([]byte{}, b.Bytes()[:2]...)
	for padding > 0 {
		n := min(padding, 60_000)
		data = append(append(data, 0xFF, 0xFE, byte((n+2)>>8), byte(n+2)), make([]byte, n)...)
		padding -= n
	}
	return append(data, b.Bytes()[2:]...)
}

// left writes parts of ten frames each into a segment and does not close it.
func (s *shots) left(t testing.TB, folder *segment.Folder, parts int, gaps ...frame.Gap) *segment.Writer {
	t.Helper()
	var w *segment.Writer
	for range parts {
		for range 10 {
			f, stored := s.next()
			var err error
			if w == nil {
				if w, err = folder.Create(&f, segment.Options{}); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(w.Abort)
			}
			if err := w.Append(&f, stored, gaps...); err != nil {
				t.Fatal(err)
			}
			gaps = nil
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// closed writes a segment of that many parts of ten frames each.
func (s *shots) closed(t testing.TB, folder *segment.Folder, parts int, gaps ...frame.Gap) segment.Info {
	t.Helper()
	info, err := s.left(t, folder, parts, gaps...).Close()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func onDisk(folder *segment.Folder, path string) string {
	return filepath.Join(folder.Dir(), filepath.FromSlash(path))
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// helper runs this test again, in another process, which finds value in the environment.
func helper(t *testing.T, name, value string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), name+"="+value)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestASecondRecorderRefuses(t *testing.T) {
	const variable, held = "LENSBUS_TEST_HOLD_FOLDER", "the folder is held"
	if path := os.Getenv(variable); path != "" {
		openTestFolder(t, path)
		fmt.Println(held)
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
		return
	}
	path := filepath.Join(t.TempDir(), "recordings")
	cmd := helper(t, variable, path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
		ready = lines.Text() == held
	}
	if !ready {
		_ = cmd.Process.Kill()
		t.Fatal("the first recorder did not start:", cmd.Wait())
	}
	_, err = OpenFolder(path)
	if !errors.Is(err, ErrFolderInUse) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "another recorder") {
		t.Errorf("the second recorder says: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // was killed
	folder := openTestFolder(t, path)
	// In one process too.
	if _, err := OpenFolder(path); !errors.Is(err, ErrFolderInUse) {
		t.Error(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	openTestFolder(t, path)
}

func TestFoldersThatCannotBeRecordedInto(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	put(t, file, nil)
	for path, says := range map[string]string{
		"":                         "no folder given",
		file:                       "a file and not a folder",
		filepath.Join(file, "sub"): "a file and not a folder",
		dir + "/nul\x00":           "invalid",
	} {
		_, err := OpenFolder(path)
		if !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", path, err)
		}
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		t.Log("NOT TESTED: a folder without permission, because root may do everything")
		return
	}
	for _, path := range []string{closed, filepath.Join(closed, "new")} {
		if _, err := OpenFolder(path); !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), "no permission") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOpeningAFolderLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	put(t, filepath.Join(path, probeName), []byte("of one that was killed"))
	folder := openTestFolder(t, path)
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 || entries[0].Name() != lockName {
		t.Fatal(entries, err)
	}
	room, err := folder.Room()
	if err != nil || room.Free <= 0 || room.Total < room.Free {
		t.Fatal(room, err)
	}
}

func TestListTellsWhatIsOurs(t *testing.T) {
	folder := openTestFolder(t, t.TempDir())
	openTestIndex(t, folder)
	at := time.Date(2026, 11, 22, 23, 59, 59, 1, time.UTC)
	front, back := newShots("front", at), newShots("back", at)
	var whole []string
	for _, s := range []*shots{back, back, front} {
		whole = append(whole, s.closed(t, folder.Folder, 1).Path)
	}
	part := front.left(t, folder.Folder, 1).Info().Path
	damaged := segment.Path("front", at.Add(time.Hour)) + ".damaged"
	foreign := []string{
		"holiday.jpg", "front/cover.jpg", "front/2026/11/22/notes.txt", "front/2026/11/22/20261122T101500Z.mp4",
		"front/2026/11/23/" + filepath.Base(whole[2]), "..front/2026/11/22/x.mp4", "Front/2026/11/22/20261122T101500.000000000Z.mp4",
	}
	for _, p := range append(foreign, damaged) {
		put(t, onDisk(folder.Folder, p), []byte("something"))
	}
	if err := os.Symlink("/etc/hostname", onDisk(folder.Folder, segment.Path("front", at.Add(2*time.Hour)))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), onDisk(folder.Folder, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	l, err := list(t.Context(), folder.Folder)
	if err != nil {
		t.Fatal(err)
	}
	paths := func(entries []segment.Entry) string {
		var all []string
		for _, e := range entries {
			all = append(all, e.Path)
		}
		return strings.Join(all, " ")
	}
	if paths(l.Whole) != strings.Join(whole, " ") || paths(l.Parts) != part || paths(l.Damaged) != damaged {
		t.Errorf("%+v", l)
	}
	if want := len(foreign) + 2; l.Foreign != want || len(l.Unreadable) != 0 {
		t.Errorf("%d files are foreign, not %d; %v", l.Foreign, want, l.Unreadable)
	}
	if info, err := os.Stat(onDisk(folder.Folder, whole[0])); err != nil || info.Size() != l.Whole[0].Bytes {
		t.Error(l.Whole[0], err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := list(stopped, folder.Folder); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A folder is made with those above it that are missing, and is there for the next one too.
func TestFoldersAboveAreMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "c")
	for range 2 {
		if err := openTestFolder(t, path).Close(); err != nil {
			t.Fatal(err)
		}
	}
}
