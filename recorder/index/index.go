// Package index knows which segments there are, and which frames are missing, so that "what is
// there of this minute" is one query and not a walk over thousands of files.
//
// The files are the truth: every row can be made again from them, and an index that is lost,
// damaged or somebody else's is set aside ([SetAside]) and filled anew ([Index.Rebuild]). Nothing
// here opens, writes or removes a segment, or decides which one has to go: that is package
// recorder's.
package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lensbus/lensbus/frame"
)

// ErrUnusable is wrapped by every error that says: this file is no index of ours, is damaged, or is
// of another version. Nothing is lost by it: [SetAside], [Open], fill it again.
var ErrUnusable = errors.New("the index cannot be used")

// ErrFull is wrapped where the volume has no room for a change, be it only that a row goes.
var ErrFull = errors.New("the volume is full")

// readers is how many queries run at the same time; they wait for no writer.
const readers = 4

// Index is the open index. Its methods may be called from several goroutines: queries see the last
// finished change and do not wait, changes wait for each other. Other processes may read the file
// at any time (sqlite3 -readonly index.sqlite).
//
// A context that ends stops a query, and takes a change back as a whole. Whoever notes a segment
// that is already on disk gives a context that outlives the order to stop.
type Index struct {
	path  string
	write *sql.DB // one connection
	read  *sql.DB
	close func() error

	// What Version counts. It is counted when a change is made, before whoever made it is told.
	mu      sync.Mutex
	all     uint64 // changes of all cameras
	changes map[frame.CameraID]uint64
}

// Open opens the index at path, and makes it where there is none. One process at a time may open it
// so: the recorder's folder is locked. [ErrUnusable] means that it has to be made anew; any other
// error is one of the folder or the disk.
func Open(ctx context.Context, path string) (*Index, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the index: %w", err)
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open the index %s: %w: it is not a file", path, ErrUnusable)
	}
	write, err := connect(path, 1, "_foreign_keys=1&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open the index %s: %w", path, err)
	}
	if err := prepare(ctx, write); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open the index %s: %w", path, explain(err))
	}
	read, err := connect(path, readers, "_query_only=1")
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open the index %s: %w", path, err)
	}
	x := &Index{path: path, write: write, read: read, changes: make(map[frame.CameraID]uint64)}
	x.close = sync.OnceValue(func() error {
		// The writer last: the last connection that closes folds the log into the file.
		if err := errors.Join(x.read.Close(), x.write.Close()); err != nil {
			return fmt.Errorf("close the index %s: %w", x.path, err)
		}
		return nil
	})
	return x, nil
}

// Close waits for what is running and closes the index. Calling it again does nothing more.
func (x *Index) Close() error { return x.close() }

// connect opens nothing yet: the first query does. Readers of other processes may hold the file for
// a moment, so everything is tried for five seconds.
//
// synchronous=NORMAL keeps the file whole through a power cut and may lose the newest rows by it.
// These are in the files, and the recorder compares both at its start; an fsync a row buys nothing.
func connect(path string, connections int, more string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", (&url.URL{
		Scheme: "file", Path: path, RawQuery: "_busy_timeout=5000&_synchronous=NORMAL&" + more,
	}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// explain turns what SQLite says about a file that is none of its own, or broken, into
// [ErrUnusable], and about a volume without room into [ErrFull].
func explain(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && !errors.Is(err, ErrUnusable) && !errors.Is(err, ErrFull) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%w: it is not an SQLite database: %w", ErrUnusable, err)
		case sqlite3.SQLITE_CORRUPT:
			return fmt.Errorf("%w: it is damaged: %w", ErrUnusable, err)
		case sqlite3.SQLITE_FULL:
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
		if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}

// SetAside renames an index that cannot be used to PATH.unusable, in place of an earlier one, so
// that it can be looked into, and returns that name. Nobody may have it open.
func SetAside(path string) (string, error) {
	aside := path + ".unusable"
	if err := os.RemoveAll(aside + "-wal"); err != nil {
		return "", fmt.Errorf("set the index aside: %w", err)
	}
	if info, err := os.Lstat(aside); err == nil && info.IsDir() {
		return "", fmt.Errorf("set the index aside: %s is a folder: remove it", aside)
	}
	// The log goes first: left behind, it would be taken for the next index's.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(path+suffix, aside+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("set the index aside: %w", err)
		}
	}
	return aside, nil
}
