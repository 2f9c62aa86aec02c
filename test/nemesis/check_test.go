package nemesis

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/index"
	"github.com/lensbus/lensbus/recorder/segment"
)

// recorded is one frame as it is in the files, without its picture.
type recorded struct {
	name
	captured time.Time
	stored   uint64
	path     string
}

// result is what the files were found to hold.
type result struct {
	account
	segments, frames int
	bytes            int64
	unacked          int // frames in the files that no publisher had a confirmation for
	gaps             map[frame.GapReason]int
	missing          map[frame.GapReason]uint64
	unexplained      int
	unsent           uint64 // pictures that could not leave, told with gaps
}

// check looks for everything that is promised of recordings, with the recorder and the publisher
// ended, and fails the test for each thing that is not so.
func (s *system) check() result {
	s.t.Helper()
	r := result{account: s.journal(), gaps: make(map[frame.GapReason]int), missing: make(map[frame.GapReason]uint64)}
	folder, err := segment.OpenFolder(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = folder.Close() }() // nothing is written
	infos := make(map[string]segment.Info)
	all := make(map[frame.CameraID][]recorded)
	for e, err := range folder.List("") {
		if err != nil {
			s.t.Error(err)
			continue
		}
		if e.State != segment.StateWhole {
			s.t.Errorf("%s is left behind", e.Path)
			continue
		}
		info, frames := s.readSegment(folder, e.Path)
		infos[e.Path] = info
		all[e.Camera] = append(all[e.Camera], frames...)
		r.segments, r.frames, r.bytes = r.segments+1, r.frames+len(frames), r.bytes+e.Bytes
	}
	gaps := s.checkIndex(infos)
	for _, id := range s.cameras.IDs {
		s.checkCamera(id, all[id], gaps[id], &r)
		delete(all, id)
	}
	for id := range all {
		s.t.Errorf("there are recordings of a camera that was not published: %s", id)
	}
	s.verify(r)
	return r
}

// readSegment reads a file with our reader, and with ffmpeg where it is installed, and looks into
// every picture.
func (s *system) readSegment(folder *segment.Folder, path string) (segment.Info, []recorded) {
	s.t.Helper()
	reader, err := folder.Open(path)
	if err != nil {
		s.t.Error(err)
		return segment.Info{}, nil
	}
	defer func() { _ = reader.Close() }() // it was only read
	var frames []recorded
	pictures := sha256.New()
	for record, err := range reader.Frames(time.Time{}, time.Time{}) {
		if err != nil {
			s.t.Errorf("%s: %v", path, err)
			continue
		}
		n := name{record.Camera, record.Epoch, record.Seq}
		if said, ok := readPicture(record.Data); !ok || said != n {
			s.t.Errorf("%s: the picture of frame %v says that it is %v, and whole: %v", path, n, said, ok)
		} else if !bytes.Equal(record.Data, newPicture(n, s.cameras.Bytes)) {
			s.t.Errorf("%s: frame %v is not what was published", path, n)
		}
		_, _ = pictures.Write(record.Data) // never fails
		frames = append(frames, recorded{n, record.Captured, record.Stored, path})
	}
	s.probe(path, len(frames), pictures.Sum(nil))
	return reader.Info(), frames
}

// probe reads a file with other people's programs.
func (s *system) probe(path string, frames int, pictures []byte) {
	s.t.Helper()
	if !players(s.t) {
		return
	}
	full := filepath.Join(s.dir, filepath.FromSlash(path))
	code, out, stderr := answer(s.t, exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets,codec_name", "-of", "csv=p=0", full))
	if want := "mjpeg," + strconv.Itoa(frames); code != 0 || strings.TrimSpace(out) != want || stderr != "" {
		s.t.Errorf("ffprobe %s: code %d, %q, want %q; %s", path, code, out, want, stderr)
	}
	code, out, stderr = answer(s.t, exec.Command("ffmpeg", "-v", "error", "-i", full, "-map", "0:v", "-c", "copy", "-f", "mjpeg", "-"))
	if sum := sha256.Sum256([]byte(out)); code != 0 || !bytes.Equal(sum[:], pictures) {
		s.t.Errorf("ffmpeg takes other pictures out of %s than are in it: code %d, %d bytes, %s", path, code, len(out), stderr)
	}
}

// players says whether ffmpeg and ffprobe are installed.
func players(t testing.TB) bool {
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("NOT TESTED: whether other players read the files, because %s is not installed", program)
			return false
		}
	}
	return true
}

// checkIndex compares the index with what the files say, makes it anew from them, and returns the
// gaps that it knows.
func (s *system) checkIndex(files map[string]segment.Info) map[frame.CameraID][]frame.Gap {
	s.t.Helper()
	rows, gaps := s.readIndex()
	for path, info := range files {
		row, ok := rows[path]
		info.Gaps = nil // are told apart
		if !ok {
			s.t.Errorf("the index does not know %s", path)
		} else if !reflect.DeepEqual(row, info) {
			s.t.Errorf("the index says\n\t%+v, the file\n\t%+v", row, info)
		}
	}
	for path := range rows {
		if _, ok := files[path]; !ok {
			s.t.Errorf("the index has %s, and there is no such file", path)
		}
	}
	code, _, stderr := answer(s.t, lensbus("record", "--reindex", "-c", s.config))
	if code != 0 {
		s.t.Errorf("record --reindex: code %d: %s", code, stderr)
	}
	rowsAnew, gapsAnew := s.readIndex()
	if !reflect.DeepEqual(rows, rowsAnew) {
		s.t.Errorf("made anew from the files, the index has %d segments, before %d, or others", len(rowsAnew), len(rows))
	}
	for _, id := range s.cameras.IDs {
		if !reflect.DeepEqual(gaps[id], gapsAnew[id]) {
			s.t.Errorf("camera %s: made anew from the files, the index has the gaps\n\t%v, before\n\t%v", id, gapsAnew[id], gaps[id])
		}
	}
	return gaps
}

func (s *system) readIndex() (map[string]segment.Info, map[frame.CameraID][]frame.Gap) {
	s.t.Helper()
	ctx := context.Background()
	x, err := index.Open(ctx, filepath.Join(s.dir, "index.sqlite"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := x.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	rows, gaps := make(map[string]segment.Info), make(map[frame.CameraID][]frame.Gap)
	for _, id := range s.cameras.IDs {
		infos, err := x.Segments(ctx, id, time.Time{}, time.Time{})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, info := range infos {
			rows[info.Path] = info
		}
		if gaps[id], err = x.Gaps(ctx, id, time.Time{}, time.Time{}); err != nil {
			s.t.Fatal(err)
		}
	}
	return rows, gaps
}

// checkCamera compares what is recorded of a camera with what was published of it.
func (s *system) checkCamera(id frame.CameraID, frames []recorded, gaps []frame.Gap, r *result) {
	s.t.Helper()
	seen := make(map[name]string)
	epochs := r.epochs[id] // those that are still to come
	for i, f := range frames {
		if f.camera != id {
			s.t.Errorf("%s: frame %v is another camera's", f.path, f.name)
		}
		if path, twice := seen[f.name]; twice {
			s.t.Errorf("frame %v is in %s and again in %s", f.name, path, f.path)
		}
		seen[f.name] = f.path
		p, known := r.account.frames[f.name]
		switch {
		case !known:
			s.t.Errorf("%s: frame %v was never published", f.path, f.name)
		case !p.captured.Equal(f.captured):
			s.t.Errorf("%s: frame %v was captured at %v, and is recorded with %v", f.path, f.name, p.captured, f.captured)
		case p.number > 0 && p.number != f.stored:
			s.t.Errorf("%s: frame %v has the number %d in the stream, and is recorded with %d", f.path, f.name, p.number, f.stored)
		case p.number == 0:
			r.unacked++
		}
		for len(epochs) > 0 && epochs[0] != f.epoch {
			epochs = epochs[1:]
		}
		if len(epochs) == 0 {
			s.t.Errorf("%s: frame %v comes after frames of a later epoch", f.path, f.name)
			epochs = r.epochs[id]
		}
		if i > 0 {
			s.checkOrder(frames[i-1], f)
		}
	}
	for n, p := range r.account.frames {
		if n.camera == id && p.number > 0 && seen[n] == "" {
			s.t.Errorf("frame %v was confirmed as number %d of the stream, and is not recorded", n, p.number)
			r.unexplained++
		}
	}
	s.checkGaps(id, frames, gaps, r)
}

func (s *system) checkOrder(before, f recorded) {
	s.t.Helper()
	if f.epoch == before.epoch && f.seq <= before.seq || !f.captured.After(before.captured) || f.stored <= before.stored && !s.renumbered {
		s.t.Errorf("%s: frame %v (captured %v, number %d) comes after %v (captured %v, number %d)",
			f.path, f.name, f.captured, f.stored, before.name, before.captured, before.stored)
	}
}

// checkGaps wants a gap, with its reason, for every hole in a camera's numbers and wherever pictures could not
// leave, and no gap where there is neither.
func (s *system) checkGaps(id frame.CameraID, frames []recorded, gaps []frame.Gap, r *result) {
	s.t.Helper()
	type stretch struct{ from, to int64 }
	told := make(map[stretch]frame.Gap)
	for _, g := range gaps {
		r.gaps[g.Reason]++
		r.missing[g.Reason] += g.Missing
		told[stretch{g.From.UnixNano(), g.To.UnixNano()}] = g
	}
	if len(told) != len(gaps) {
		s.t.Errorf("camera %s: gaps are told twice: %v", id, gaps)
	}
	for i := 1; i < len(frames); i++ {
		before, f := frames[i-1], frames[i]
		at := stretch{before.captured.UnixNano(), f.captured.UnixNano()}
		g, ok := told[at]
		unsent := r.account.frames[f.name].missed
		delete(told, at)
		switch {
		case before.epoch != f.epoch:
			if !ok {
				s.t.Errorf("camera %s: no gap is told between its epochs, %v to %v", id, before.captured, f.captured)
				r.unexplained++
			}
		case f.seq > before.seq+1 || unsent > 0:
			if missing := f.seq - before.seq - 1 + unsent; !ok || g.Missing != missing || g.Reason == "" || g.Reason == frame.GapUnknown && !s.renumbered {
				s.t.Errorf("camera %s: between frames %d and %d %d are missing, %d of them not sent, and what is told is %+v", id, before.seq, f.seq, missing, unsent, g)
				r.unexplained += int(missing)
			}
			r.unsent += unsent
		case ok && g.Reason != frame.GapCamera: // it was silent for a while
			s.t.Errorf("camera %s: nothing is missing between frames %d and %d, and yet there is %+v", id, before.seq, f.seq, g)
		}
	}
	for _, g := range told {
		s.t.Errorf("camera %s: a gap that lies between no two frames: %+v", id, g)
	}
}

// verify lets the program itself read everything.
func (s *system) verify(r result) {
	s.t.Helper()
	code, out, stderr := answer(s.t, lensbus("record", "--verify", "--json", "-c", s.config))
	var said struct {
		Segments, Open, Foreign int
		Frames                  uint64
		Damaged, Unreadable     []any
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 {
		s.t.Fatalf("record --verify: code %d, %v: %s%s", code, err, out, stderr)
	}
	if said.Segments != r.segments || said.Frames != uint64(r.frames) || said.Open+said.Foreign+len(said.Damaged)+len(said.Unreadable) > 0 {
		s.t.Errorf("record --verify says %s; there are %d segments with %d frames", out, r.segments, r.frames)
	}
}

// String is for people.
func (n name) String() string { return fmt.Sprintf("%s %.6s… %d", n.camera, n.epoch, n.seq) }
