package auth

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// handedOut are the files in a broker's own folder, by name.
func handedOut(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = data
	}
	return files
}

// The broker's own folder is what the broker needs, follows each change, and has no secret of anybody else.
func TestHandOut(t *testing.T) {
	f, admin := initFolder(t)
	dir := filepath.Join(t.TempDir(), "broker")
	follows := func(after string) {
		t.Helper()
		if err := f.HandOut(dir); err != nil {
			t.Fatal(err)
		}
		files := handedOut(t, dir)
		if len(files) != 4 {
			t.Errorf("after %s: %d files", after, len(files))
		}
		caKey, err := os.ReadFile(f.Path(CAKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{UsersFile, CAFile, CertificateFile, KeyFile} {
			want, err := os.ReadFile(f.Path(name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(files[name], want) {
				t.Errorf("after %s: %s is another one", after, name)
			}
			if bytes.Contains(files[name], admin.seed) || bytes.Contains(files[name], caKey) {
				t.Errorf("after %s: a secret in %s", after, name)
			}
		}
		if info, err := os.Stat(filepath.Join(dir, KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("after %s: %v, %v", after, info, err)
		}
		if _, err := ReadUsers(filepath.Join(dir, UsersFile)); err != nil { // which minds who may write it
			t.Error(err)
		}
	}
	follows("init")
	if _, err := f.Add(User{Name: "front", Role: Publisher, Cameras: []frame.CameraID{"front"}}, AddOptions{}); err != nil {
		t.Fatal(err)
	}
	follows("add")
	if _, err := f.Rotate("front", AddOptions{}); err != nil {
		t.Fatal(err)
	}
	follows("rotate")
	if err := f.Certify([]string{"elsewhere.example.org"}); err != nil {
		t.Fatal(err)
	}
	follows("another certificate")
	if err := f.Remove("front"); err != nil {
		t.Fatal(err)
	}
	follows("rm")

	// What is right is not written again: a broker looks at it every second.
	before, err := os.Stat(filepath.Join(dir, UsersFile))
	if err != nil {
		t.Fatal(err)
	}
	follows("nothing")
	if after, err := os.Stat(filepath.Join(dir, UsersFile)); err != nil || !os.SameFile(before, after) {
		t.Errorf("written although nothing changed: %v", err)
	}

	// What somebody else has put there, or opened to everybody, is mended.
	key, users := filepath.Join(dir, KeyFile), filepath.Join(dir, UsersFile)
	if err := errors.Join(os.Chmod(key, 0o644), os.Rename(users, users+".old"), os.Symlink(users+".old", users)); err != nil {
		t.Fatal(err)
	}
	if err := f.HandOut(dir); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{key: 0o600, users: 0o644} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}
