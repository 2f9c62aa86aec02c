package segment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"runtime"

	"github.com/lensbus/lensbus/frame"
)

// Op is a change to the disk.
type Op string

// The values of [Op].
const (
	OpMkdir      Op = "mkdir"
	OpCreate     Op = "create"
	OpWrite      Op = "write"
	OpSync       Op = "sync"
	OpTruncate   Op = "truncate"
	OpRename     Op = "rename"
	OpRemove     Op = "remove"
	OpSyncFolder Op = "sync folder"
)

// Folder is a recorder's folder, with a folder for each camera in it. Nothing that is done with it
// leads out of it, symbolic links included. All paths are relative to it, with '/'. Its methods may
// be called at the same time, but one file is for one caller.
type Folder struct {
	// Before, where it is set, is asked before each change to the disk. An error makes the change
	// fail with that error; a write that fails has then written half. It is for tests of what a
	// failing disk does, and is set before the folder is used.
	Before func(op Op, path string) error
	// Reads, where it is set, stands between a file and those who read it. It is for tests of what a disk
	// does that cannot be read, and is set before the folder is used.
	Reads func(path string, file io.ReaderAt) io.ReaderAt

	root *os.Root
}

// OpenFolder opens a recorder's folder, which is there. Close it when no file of it is in use any more.
func OpenFolder(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder for recordings: %w", err)
	}
	return &Folder{root: root}, nil
}

// Dir returns the folder's own path, as it was given.
func (d *Folder) Dir() string { return d.root.Name() }

// Close closes the folder. It may be called twice.
func (d *Folder) Close() error { return d.root.Close() }

// Entry is a segment's file, as it is found in a folder.
type Entry struct {
	Name
	Path  string // relative to the recorder's folder
	Bytes int64
}

// List walks over the files of one camera, or of all where camera is empty, oldest first for each
// camera. What is not named like a segment is left out. What cannot be read is an error, after which
// it goes on; files that vanish while it walks are normal and left out.
func (d *Folder) List(camera frame.CameraID) iter.Seq2[Entry, error] {
	top := "."
	if camera != "" {
		top = string(camera)
	}
	return func(yield func(Entry, error) bool) {
		_ = fs.WalkDir(d.root.FS(), top, func(p string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				if !yield(Entry{}, fmt.Errorf("looking for segments in %s: %w", p, err)) {
					return fs.SkipAll
				}
				return nil
			}
			name, err := ParsePath(p)
			if err != nil || !e.Type().IsRegular() {
				return nil // a folder, or not ours
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				err = fmt.Errorf("looking at segment %s: %w", p, err)
			}
			entry := Entry{Name: name, Path: p}
			if info != nil {
				entry.Bytes = info.Size()
			}
			if !yield(entry, err) {
				return fs.SkipAll
			}
			return nil
		})
	}
}

// Remove deletes a segment's file and the folders of its day, month and year where they are empty
// then. A file that is not there is no error. When it returns without an error, the deletion is on disk.
func (d *Folder) Remove(p string) error {
	if _, err := ParsePath(p); err != nil {
		return err
	}
	if err := d.before(OpRemove, p); err != nil {
		return fmt.Errorf("deleting segment %s: %w", p, err)
	}
	if err := d.root.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting segment %s: %w", p, err)
	}
	dir := path.Dir(p)
	for range 3 { // day, month, year; the system refuses where something is in it
		if d.root.Remove(dir) != nil {
			break
		}
		dir = path.Dir(dir)
	}
	if err := d.syncFolder(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting segment %s: %w", p, err)
	}
	return nil
}

func (d *Folder) before(op Op, p string) error {
	if d.Before == nil {
		return nil
	}
	return d.Before(op, p)
}

// reads is what a file of the folder is read from.
func (d *Folder) reads(file io.ReaderAt, p string) io.ReaderAt {
	if d.Reads == nil {
		return file
	}
	return d.Reads(p, file)
}

// makeDirs makes a folder and those above it, each of which is on disk when it returns: those that
// are there too, because who made them may not have come to that. It costs nothing where they are.
func (d *Folder) makeDirs(dir string) error {
	parent := path.Dir(dir)
	if parent != "." {
		if err := d.makeDirs(parent); err != nil {
			return err
		}
	}
	if info, err := d.root.Stat(dir); err != nil || !info.IsDir() {
		if err := d.before(OpMkdir, dir); err != nil {
			return err
		}
		if err := d.root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return d.syncFolder(parent)
}

// syncFolder makes the names in a folder safe.
func (d *Folder) syncFolder(dir string) error {
	if err := d.before(OpSyncFolder, dir); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // where folders cannot be synced
		return nil
	}
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// maxCopies is how many segments of one camera may begin at the same nanosecond.
const maxCopies = 9999

// free returns n, or the first copy of it whose name nobody has in any state.
func (d *Folder) free(n Name) (Name, error) {
	for n.Copy <= maxCopies {
		taken := false
		for _, s := range []State{StateWhole, StatePart, StateDamaged, StateStuck} {
			_, err := d.root.Lstat(n.with(s).Path())
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return n, err
			}
			taken = taken || err == nil
		}
		if !taken {
			return n, nil
		}
		n.Copy = max(n.Copy+1, 2)
	}
	return n, fmt.Errorf("%w: there are %d segments that begin at %s", ErrRefused, maxCopies, n.Start.Format(nameLayout))
}

// rename gives a file another state, under a name that is free, and makes the name safe. The name it
// returns is the file's name then, with an error too.
func (d *Folder) rename(from Name, to State) (Name, error) {
	target := from.with(to)
	if _, err := d.root.Lstat(target.Path()); err == nil {
		// Somebody has put it there. Recordings are not written over.
		if target, err = d.free(target); err != nil {
			return from, err
		}
	}
	if err := d.before(OpRename, from.Path()); err != nil {
		return from, err
	}
	if err := d.root.Rename(from.Path(), target.Path()); err != nil {
		return from, err
	}
	return target, d.syncFolder(path.Dir(target.Path()))
}
