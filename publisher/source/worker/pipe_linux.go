package worker

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize lets a picture of usual size pass in one go: with the usual 64 KiB, parent and child take
// turns several times for each. 1 MiB is as much as everybody may have.
const pipeSize = 1 << 20

func enlarge(pipe *os.File) {
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // works without; only more slowly
			_, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize)
		})
	}
}

// claim keeps the process's standard output for messages: native code that prints would garble them.
func claim(stdout io.Writer) (io.Writer, error) {
	file, ok := stdout.(*os.File)
	if !ok || file.Fd() != 1 {
		return stdout, nil
	}
	own, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(own), "messages"), nil
}

// writeBoth writes header and payload: with one call to the system and no copy where w is a file.
func writeBoth(w io.Writer, header, payload []byte) error {
	file, ok := w.(*os.File)
	if !ok {
		return writeInTurn(w, header, payload)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		for len(header)+len(payload) > 0 {
			n, err := unix.Writev(int(fd), [][]byte{header, payload})
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return false // wait until there is room
			case err != nil:
				failed = os.NewSyscallError("writev", err)
				return true
			}
			inHeader := min(n, len(header))
			header, payload = header[inHeader:], payload[n-inHeader:]
		}
		return true
	})
	return errors.Join(err, failed)
}
