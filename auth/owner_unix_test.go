//go:build unix

package auth

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// What root makes in the folder of a service's user is that user's: it reads it.
func TestWhatRootMakesBelongsToTheFoldersOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: to whom belongs what root makes, because this is not root")
	}
	const user, group = 4321, 4322
	dir := t.TempDir()
	if err := os.Chown(dir, user, group); err != nil {
		t.Skipf("NOT TESTED: to whom belongs what root makes, because root may not give a folder away here: %v", err)
	}
	f, broker := Open(filepath.Join(dir, "state", "auth")), filepath.Join(dir, "broker", "auth")
	_, err := f.Init(InitOptions{Server: "tls://a.example:4222"})
	if err == nil {
		_, err = f.Add(User{Name: "front", Role: Publisher, Cameras: []frame.CameraID{"front"}}, AddOptions{})
	}
	if err == nil {
		_, err = f.Redirect("front", "tls://b.example:4222")
	}
	if err = errors.Join(err, f.HandOut(broker)); err != nil {
		t.Fatal(err)
	}
	all := func() (paths []string) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if owner := info.Sys().(*syscall.Stat_t); owner.Uid != user || owner.Gid != group {
				t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
			}
			if info.Mode().Perm()&0o077 != 0 && !slices.Contains([]string{UsersFile, CAFile, CertificateFile}, info.Name()) && path != dir {
				t.Errorf("%s has the mode %s", path, info.Mode())
			}
			paths = append(paths, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return paths
	}
	if paths := all(); len(paths) != 17 {
		t.Errorf("%d: %q", len(paths), paths)
	}
	// One that is root's, as those of before are, is mended where it is handed out.
	if err := errors.Join(os.Chown(filepath.Join(broker, KeyFile), 0, 0), f.HandOut(broker)); err != nil {
		t.Fatal(err)
	}
	all()

	// In a folder of root's, it is root's.
	mine := filepath.Join(t.TempDir(), "file")
	if err := WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(mine); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("%v, %v", info, err)
	}
}
