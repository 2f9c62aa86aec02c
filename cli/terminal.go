//go:build linux || darwin

package cli

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// terminal is one that the program writes to or reads keys from.
type terminal struct{ file *os.File }

// terminalOf returns the terminal that a stream is, if it is one.
func terminalOf(stream any) (terminal, bool) {
	file, ok := stream.(*os.File)
	if !ok {
		return terminal{}, false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), getTermios)
	return terminal{file}, err == nil
}

// size is the terminal's in columns and lines, 80 by 24 where it does not know.
func (t terminal) size() (width, height int) {
	size, err := unix.IoctlGetWinsize(int(t.file.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}

func (t terminal) write(text string) error {
	if _, err := t.file.WriteString(text); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

// takeKeys makes the terminal give every key at once and unseen, until restore is called. Ctrl+C
// still ends the program, but nothing stops or kills it and leaves the terminal as it is then.
func (t terminal) takeKeys() (restore func() error, err error) {
	fd := int(t.file.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	keys := *before
	keys.Lflag &^= unix.ICANON | unix.ECHO
	keys.Cc[unix.VMIN], keys.Cc[unix.VTIME] = 1, 0
	keys.Cc[unix.VSUSP], keys.Cc[unix.VQUIT] = vDisable, vDisable
	if err := unix.IoctlSetTermios(fd, setTermios, &keys); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return func() error { return unix.IoctlSetTermios(fd, setTermios, before) }, nil
}

// read calls take with what is typed, until the terminal ends or stop is closed by its other end.
func (t terminal) read(stop *os.File, take func([]byte)) {
	buf := make([]byte, 256)
	fds := []unix.PollFd{{Fd: int32(t.file.Fd()), Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil {
			if err == unix.EINTR {
				continue
			}
			return
		}
		if fds[1].Revents != 0 {
			return
		}
		n, err := t.file.Read(buf)
		if n > 0 {
			take(buf[:n])
		}
		if err != nil {
			return
		}
	}
}
