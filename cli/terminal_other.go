//go:build !linux && !darwin

package cli

import (
	"errors"
	"os"
)

// terminal is one that the program writes to or reads keys from. This system's are not known here.
type terminal struct{}

func terminalOf(any) (terminal, bool) { return terminal{}, false }

func (terminal) size() (width, height int) { return 80, 24 }

func (terminal) takeKeys() (restore func() error, err error) {
	return nil, errors.New("terminal: not known on this system")
}

func (terminal) read(*os.File, func([]byte)) {}
