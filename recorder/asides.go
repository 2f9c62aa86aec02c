package recorder

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/recorder/segment"
)

// asides are the files of a folder that are kept for people: segments that nothing can be read of, or that
// could not be closed, and messages that were no frames. They take room like segments, and retention
// counts and removes them like these. The zero value is empty and ready.
type asides struct {
	mu    sync.Mutex
	files map[string]aside // by path
	bytes map[frame.CameraID]int64
}

// aside is one of these files.
type aside struct {
	path   string // relative to the folder, with '/'
	camera frame.CameraID
	at     time.Time // by which it is old: a segment's start, or when a message was stored
	bytes  int64
}

// add notes a file, in place of what was known of its path.
func (a *asides) add(f aside) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.files, a.bytes = make(map[string]aside), make(map[frame.CameraID]int64)
	}
	a.bytes[f.camera] += f.bytes - a.files[f.path].bytes
	a.files[f.path] = f
}

// addSegment notes a segment's file.
func (a *asides) addSegment(e segment.Entry) {
	a.add(aside{e.Path, e.Camera, e.Start, e.Bytes})
}

// remove forgets a file, and says whether it was known.
func (a *asides) remove(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := a.files[path]
	if ok {
		delete(a.files, path)
		if a.bytes[f.camera] -= f.bytes; a.bytes[f.camera] <= 0 {
			delete(a.bytes, f.camera)
		}
	}
	return ok
}

// has says whether a file is one of them.
func (a *asides) has(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.files[path]
	return ok
}

// of is how many bytes those of a camera take.
func (a *asides) of(id frame.CameraID) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes[id]
}

// with returns the cameras and those of which something is aside, sorted.
func (a *asides) with(ids []frame.CameraID) []frame.CameraID {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids = slices.Clone(ids)
	for id := range a.bytes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// oldest returns those of a camera, or all for "", the oldest first.
func (a *asides) oldest(id frame.CameraID) []aside {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []aside
	for _, f := range a.files {
		if id == "" || f.camera == id {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b aside) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	return all
}

// setAside counts a file of the folder that no row of the index is for.
func (r *recorder) setAside(path string) {
	name, err := segment.ParsePath(path)
	if err != nil {
		return
	}
	if info, err := os.Lstat(r.folder.at(path)); err == nil && info.Mode().IsRegular() {
		r.asides.addSegment(segment.Entry{Name: name, Path: path, Bytes: info.Size()})
	}
}

// removeAside deletes a file that was put aside. One that is not there is no error.
func (f *Folder) removeAside(p string) error {
	if _, err := segment.ParsePath(p); err == nil {
		return f.Remove(p)
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := root.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = root.Remove(path.Dir(p)) // the camera's folder, where it is empty
	return nil
}
