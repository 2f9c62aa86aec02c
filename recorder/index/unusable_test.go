package index

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// many makes an index of some pages, and closes it.
func many(t *testing.T, path string) {
	t.Helper()
	x := openAt(t, path)
	err := x.Rebuild(t.Context(), func(tx *Tx) error {
		for i := range 100 {
			if err := tx.Add(t.Context(), recorded("front", noon.Add(time.Duration(i)*time.Minute))); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, x.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoIndexIsRecognisedAndSetAside(t *testing.T) {
	write := func(t *testing.T, path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	statements := func(t *testing.T, path string, all ...string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		make func(*testing.T, string)
		says string
	}{
		"garbage": {func(t *testing.T, path string) {
			write(t, path, bytes.Repeat([]byte("no database at all. "), 1000))
		}, "not an SQLite database"},
		"cut": {func(t *testing.T, path string) {
			many(t, path)
			if err := os.Truncate(path, 9000); err != nil {
				t.Fatal(err)
			}
		}, "damaged"},
		"a page overwritten": {func(t *testing.T, path string) {
			many(t, path)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copy(data[5*4096:], bytes.Repeat([]byte{0xa5}, 4096))
			write(t, path, data)
		}, "damaged"},
		"zeros": {func(t *testing.T, path string) {
			many(t, path)
			write(t, path, make([]byte, 1<<16))
		}, ""},
		"another program's": {func(t *testing.T, path string) {
			statements(t, path, `CREATE TABLE segments (id INTEGER)`)
		}, "another program"},
		"of another version": {func(t *testing.T, path string) {
			many(t, path)
			statements(t, path, `PRAGMA user_version = 99`)
		}, "version 99"},
		"with other tables": {func(t *testing.T, path string) {
			many(t, path)
			statements(t, path, `DROP INDEX segments_long`)
		}, "tables"},
		"a folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "not a file"},
		"a link to somewhere else": {func(t *testing.T, path string) {
			if err := os.Symlink("/etc/hostname", path); err != nil {
				t.Fatal(err)
			}
		}, "not a file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "index.sqlite")
			c.make(t, path)
			x, err := Open(t.Context(), path)
			if !errors.Is(err, ErrUnusable) || !contains(err.Error(), c.says) || !contains(err.Error(), path) {
				if err == nil {
					_ = x.Close()
				}
				t.Fatalf("said %v", err)
			}
			for range 2 { // the second time in place of the first
				aside, err := SetAside(path)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := os.Lstat(aside); err != nil {
					t.Fatal(err)
				}
				x := openAt(t, path)
				equal(t, segments(t, x, "front", time.Time{}, time.Time{}), nil)
				add(t, x, recorded("front", noon))
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				if name == "a folder" {
					break
				}
			}
		})
	}
}

func TestAnotherProgramsDatabaseStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE theirs (id INTEGER)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); !errors.Is(err, ErrUnusable) {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Fatal("it was changed", err)
	}
}

func TestAFolderThatIsMissingIsNoBrokenIndex(t *testing.T) {
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "gone", "index.sqlite"))
	if err == nil || errors.Is(err, ErrUnusable) {
		t.Fatal(err)
	}
}

func TestSQLiteReadsItWhileItIsWritten(t *testing.T) {
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Skip("NOT TESTED: that the sqlite3 program reads the index, which is not installed here")
	}
	path := filepath.Join(t.TempDir(), "index.sqlite")
	x := openAt(t, path)
	for i := range 3 {
		add(t, x, recorded("front", noon.Add(time.Duration(i)*time.Minute)))
		out, err := exec.CommandContext(t.Context(), tool, "-readonly", path,
			`SELECT count(*), min(start_ns), sum(bytes) FROM segments WHERE camera = 'front'`).CombinedOutput()
		if want := fmt.Sprintf("%d|%d|%d\n", i+1, noon.UnixNano(), 1000*(i+1)); err != nil || string(out) != want {
			t.Fatalf("sqlite3 says %q, %v; not %q", out, err, want)
		}
	}
}

// addUntilKilled is another process: it says each segment that it has noted.
func addUntilKilled(path string) {
	ctx := context.Background()
	x, err := Open(ctx, path)
	for i := 0; err == nil; i++ {
		if err = x.Add(ctx, recorded("front", noon.Add(time.Duration(i)*time.Minute), frame.Gap{From: noon, To: noon.Add(time.Duration(i)), Reason: frame.GapCamera})); err == nil {
			_, err = fmt.Println(i)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.sqlite")
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "LENSBUS_TEST_ADD_UNTIL_KILLED="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for {
			var i int
			if _, err := fmt.Fscan(out, &i); err != nil {
				break
			}
			if last = max(last, i); last == 40 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait() // was killed
		if last < 40 {
			t.Fatalf("it noted %d segments only", last)
		}
		x := openAt(t, path)
		infos := segments(t, x, "front", time.Time{}, time.Time{})
		if len(infos) <= last {
			t.Fatalf("%d segments, it had noted %d", len(infos), last+1)
		}
		if n := len(gaps(t, x, "front")); n != len(infos) {
			t.Fatalf("%d gaps of %d segments", n, len(infos))
		}
		if err := x.Rebuild(t.Context(), func(*Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
