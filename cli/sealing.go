package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// keyFlag says which sealing key a command has: viewers open with it, publishers seal with it.
type keyFlag struct {
	Key string `env:"LENSBUS_KEY" placeholder:"FILE" help:"Sealing key of lensbus auth seal-key: opens the pictures of sealed cameras, or is what a publisher seals with."`
}

// sealing is what a command knows of sealed pictures: its keys, or none.
type sealing struct {
	own    seal.Key
	opener bus.Opener // nil: no key
}

// sealing reads the key file of the flag, else of the file.
func (k keyFlag) sealing(f file) (sealing, error) {
	path := cmp.Or(k.Key, f.SealKeyFile)
	if path == "" {
		return sealing{}, nil
	}
	data, err := auth.ReadSecret(path, "sealing key", "lensbus auth seal-key")
	if err != nil {
		return sealing{}, usage(err)
	}
	keys, err := seal.ParseKeys(data)
	if err != nil {
		return sealing{}, usage(fmt.Errorf("sealing key %s: %w", path, err))
	}
	return sealing{keys.Own[0], seal.NewOpener(keys)}, nil
}

// connecting is an option of a connection that opens.
func (s sealing) connecting(o *bus.Options) { o.Opener = s.opener }

type authSealKeyCommand struct {
	Name   string `arg:"" help:"Whose key it is, for people."`
	Output string `short:"o" placeholder:"FILE" help:"The file to write. Default NAME.key in the current folder."`
}

func (c *authSealKeyCommand) Run(s *session) error {
	if !frame.ValidName(c.Name) {
		return usage(fmt.Errorf("bad name %.40q: %s", c.Name, frame.NameRule))
	}
	path := cmp.Or(c.Output, c.Name+".key")
	key, content, err := seal.NewFile(c.Name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: what is sealed to the key in it could not be opened any more; choose another --output", path)
	}
	if err != nil {
		return fmt.Errorf("write the sealing key: %w", err)
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return fmt.Errorf("write the sealing key: %w", errors.Join(err, os.Remove(path)))
	}
	_, err = fmt.Fprintln(s.Stdout, key.Public())
	return err
}
