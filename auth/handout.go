package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// HandOut puts what a broker reads of the folder into dir too, which can then be the broker's folder: the
// users with their public keys, the certificates, and the key of the server's certificate. The CA's key and
// the users' credentials stay where they are, so that who gets hold of the broker can make no user and be
// none.
//
// dir is made where it is missing. A file that is as it should be, its mode and owner too, is left alone, one
// that the folder has not is left away. It is for after each change: the broker notices it by itself.
func (f *Folder) HandOut(dir string) error {
	return f.change(func() error {
		for _, file := range []struct {
			name string
			mode os.FileMode
		}{{KeyFile, 0o600}, {CertificateFile, 0o644}, {CAFile, 0o644}, {UsersFile, 0o644}} {
			data, err := os.ReadFile(f.Path(file.name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return fmt.Errorf("hand out to the broker: %w", err)
			}
			if _, err := PutFile(filepath.Join(dir, file.name), data, file.mode); err != nil {
				return fmt.Errorf("hand out to the broker: %w", err)
			}
		}
		return nil
	})
}
