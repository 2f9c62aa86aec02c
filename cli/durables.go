package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// durables name the consumers of the recorders at a NATS server that lensbus does not run: the default one,
// those of the command line and of the file, and those of the recorders among the users. They may change while
// they are asked for.
type durables struct {
	more      []string // of the command line
	usersFile string   // "": there are no users

	mu      sync.Mutex
	ofFile  string // recorder.durable
	content []byte // of the users file, which users is of
	users   []auth.User
}

// newDurables reads the users; a folder without any is one without recorders.
func newDurables(f file, more []string) (*durables, error) {
	for _, name := range more {
		if !frame.ValidName(name) {
			return nil, usage(fmt.Errorf("--durable %.40q: %s", name, frame.NameRule))
		}
	}
	d := &durables{more: more, ofFile: f.Recorder.Durable}
	if f.Broker.Auth != "" {
		d.usersFile = filepath.Join(f.Broker.Auth, auth.UsersFile)
	}
	_, err := d.look()
	return d, err
}

// of are the names for a camera, sorted.
func (d *durables) of(id frame.CameraID) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := append([]string{bus.DefaultDurable}, durablesWith(d.ofFile, auth.Durables(d.users, id))...)
	names = append(names, d.more...)
	slices.Sort(names)
	return slices.Compact(names)
}

// follow takes the name in a file that was read again.
func (d *durables) follow(ofFile string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ofFile = ofFile
}

// look reads the users again where their file has changed. Users that are wrong, or gone, are an error, and
// those of before stay.
func (d *durables) look() (changed bool, err error) {
	if d.usersFile == "" {
		return false, nil
	}
	content, err := auth.ReadUsersFile(d.usersFile)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.content == nil: // none so far
		return false, nil
	case err != nil:
		return false, err
	case d.content != nil && bytes.Equal(content, d.content):
		return false, nil
	}
	users, err := auth.ParseUsers(content)
	if err != nil {
		return false, fmt.Errorf("users file %s: %w", d.usersFile, err)
	}
	d.content, d.users = content, users
	return true, nil
}
