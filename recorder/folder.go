package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// What else than cameras is at the top of a recorder's folder.
const (
	indexName = "index.sqlite"
	lockName  = "recorder.lock"
	probeName = "recorder.probe"
)

// Errors of a recorder's folder that a caller decides on.
var (
	// ErrFolderInUse is wrapped where another recorder runs on the folder.
	ErrFolderInUse = errors.New("the folder is in use")
	// ErrFolder is wrapped where the folder cannot be recorded into, as it is: it is a file, it is
	// read-only, or permission is missing. The error is one line for people.
	ErrFolder = errors.New("cannot record into the folder")
)

// Folder is the folder of one recorder, which is the only one on it until Close, or until the
// process ends, however it ends.
type Folder struct {
	// Folder is where segments are made, listed and removed.
	*segment.Folder

	path  string
	close func() error
}

// OpenFolder makes the folder where it is missing, takes it for this process alone, and looks
// whether it can be written to. It does not need free space. Errors wrap [ErrFolderInUse] or
// [ErrFolder].
func OpenFolder(path string) (*Folder, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: no folder given", ErrFolder)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if err := makeFolder(path); err != nil {
		return nil, refused(path, "make it", err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	if err := tryWrite(path); err != nil {
		_ = lock.Close()
		return nil, refused(path, "write to it", err)
	}
	segments, err := segment.OpenFolder(path)
	if err != nil {
		_ = lock.Close()
		return nil, refused(path, "open it", err)
	}
	return &Folder{Folder: segments, path: path, close: sync.OnceValue(func() error {
		// The lock last: until then nobody else is here.
		return errors.Join(segments.Close(), lock.Close())
	})}, nil
}

// makeFolder makes a folder and those above it that are missing. Those that it makes are on disk when it
// returns: what is recorded is acknowledged as safe, and would be gone with the folder's name.
func makeFolder(path string) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := makeFolder(parent); err != nil {
			return err
		}
		if err := os.Mkdir(path, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return syncFolder(parent)
	}
	if err := os.MkdirAll(path, 0o750); err != nil { // there is something else
		return err
	}
	_ = syncFolder(parent) // who made it may not have come to that; somebody else's may refuse
	return nil
}

// syncFolder makes the names in a folder safe.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // where folders cannot be synced
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) { // it may be written and not read
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Close lets the folder go. Nothing of it may be used any more. It may be called twice.
func (f *Folder) Close() error { return f.close() }

// IndexPath is where the folder's index is.
func (f *Folder) IndexPath() string { return filepath.Join(f.path, indexName) }

// Room returns the room on the folder's volume.
func (f *Folder) Room() (Room, error) {
	room, err := roomOf(f.path)
	if err != nil {
		return Room{}, fmt.Errorf("asking how much room there is in %s: %w", f.path, err)
	}
	return room, nil
}

// at is where a file of the folder is.
func (f *Folder) at(path string) string { return filepath.Join(f.path, filepath.FromSlash(path)) }

// written returns when a file of the folder was changed last, by this machine's clock.
func (f *Folder) written(path string) (time.Time, error) {
	info, err := os.Lstat(f.at(path))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Room is the room on a volume, in bytes.
type Room struct {
	Free  int64 // for this user
	Total int64
}

// Listing is the files of a recorder's folder. Each list is by camera, and the oldest first.
type Listing struct {
	Whole []segment.Entry // closed segments
	Parts []segment.Entry // left open, or being written
	// Damaged had nothing in them that could be saved, Stuck could not be closed so far.
	Damaged, Stuck []segment.Entry
	// Foreign is how many files there are that no recorder has made.
	Foreign int
	// Unreadable is what could not be looked into. What is in there is in no list.
	Unreadable []error
}

// list looks at all files of a folder, opened or not. What cannot be read is noted and passed over.
func list(ctx context.Context, folder *segment.Folder) (Listing, error) {
	var l Listing
	for entry, err := range folder.List("") {
		if ctx.Err() != nil {
			return Listing{}, fmt.Errorf("looking for segments: %w", context.Cause(ctx))
		}
		switch {
		case err != nil:
			l.Unreadable = append(l.Unreadable, err)
			continue
		case entry.State == segment.StateWhole:
			l.Whole = append(l.Whole, entry)
		case entry.State == segment.StatePart:
			l.Parts = append(l.Parts, entry)
		case entry.State == segment.StateStuck:
			l.Stuck = append(l.Stuck, entry)
		default:
			l.Damaged = append(l.Damaged, entry)
		}
	}
	var err error
	l.Foreign, err = foreign(ctx, folder.Dir())
	return l, err
}

// foreign counts the files that are neither segments nor the recorder's own.
func foreign(ctx context.Context, dir string) (n int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, fmt.Errorf("looking for segments: %w", err)
	}
	defer func() { _ = root.Close() }()
	err = fs.WalkDir(root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || e.IsDir() {
			return nil // what cannot be read is in Unreadable already
		}
		if _, err := segment.ParsePath(path); (err != nil || !e.Type().IsRegular()) && !own(path) {
			n++
		}
		return nil
	})
	return n, err
}

// own says whether a path in the folder is one of the recorder's files that are no segments.
func own(path string) bool {
	switch path {
	case lockName, probeName,
		indexName, indexName + "-wal", indexName + "-shm", indexName + "-journal",
		indexName + ".unusable", indexName + ".unusable-wal", indexName + ".unusable-shm":
		return true
	}
	return strings.HasPrefix(path, quarantineName+"/")
}

// tryWrite finds out by doing it: permissions alone do not tell of read-only volumes, ACLs and
// containers. A full disk passes: recording then waits for room.
func tryWrite(path string) error {
	name := filepath.Join(path, probeName)
	_ = os.Remove(name) // of one that was killed here
	probe, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(name))
}

// refused says in plain words why a folder cannot be recorded into.
func refused(path, what string, err error) error {
	why := ""
	switch {
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		why = "it is, or is below, a file and not a folder"
	case errors.Is(err, syscall.EROFS):
		why = "the volume is mounted read-only"
	case errors.Is(err, fs.ErrPermission):
		why = fmt.Sprintf("user %d has no permission to %s", os.Getuid(), what)
	default:
		return fmt.Errorf("%w %s: %w", ErrFolder, path, err)
	}
	return fmt.Errorf("%w %s: %s (%w)", ErrFolder, path, why, err)
}
