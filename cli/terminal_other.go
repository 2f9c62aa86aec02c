//go:build !linux && !darwin

package cli

import (
	"errors"
	"os"
)

var errNoTerminal = errors.New("terminal: not known on this system")

// terminal is one that the program writes to or reads keys from. This system's are not known here.
type terminal struct{}

func terminalOf(any) (terminal, bool) { return terminal{}, false }

func (terminal) size() (width, height int) { return 80, 24 }

func (terminal) write(string) error { return errNoTerminal }

func (terminal) takeKeys() (restore func() error, err error) { return nil, errNoTerminal }

func (terminal) read(*os.File, func([]byte)) {}
