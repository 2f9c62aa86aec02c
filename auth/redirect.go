package auth

import (
	"fmt"
	"os"
)

// Redirect writes another server's URL into the credentials of a user that are in the folder, with the key that
// they have: whoever has the old ones is still let in. It says whether they had another one. The file's mode is
// 0600 afterwards, as a new one's.
func (f *Folder) Redirect(name, server string) (changed bool, err error) {
	err = f.change(func() (err error) {
		changed, err = f.redirect(name, server)
		return err
	})
	return changed, err
}

func (f *Folder) redirect(name, server string) (bool, error) {
	file := f.credentialsName(name)
	data, err := os.ReadFile(f.Path(file))
	if err != nil {
		return false, fmt.Errorf("credentials of %s: %w", name, err)
	}
	c, err := ParseCredentials(data)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.Path(file), err)
	}
	if c.Server == server {
		return false, nil
	}
	if err := checkServer(server); err != nil {
		return false, err
	}
	c.Server = server
	return true, f.write(file, c.Encode(), 0o600)
}
