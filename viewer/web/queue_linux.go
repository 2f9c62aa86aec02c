package web

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelQueue returns a function that says how many bytes written to conn the other side's kernel
// has not acknowledged yet; nil where that cannot be known.
func kernelQueue(conn net.Conn) func() (int, error) {
	raw, ok := rawConn(conn)
	if !ok {
		return nil
	}
	var bytes int
	var ioctl error
	ask := func(fd uintptr) { bytes, ioctl = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }
	return func() (int, error) {
		if err := raw.Control(ask); err != nil {
			return 0, err
		}
		return bytes, ioctl
	}
}

func rawConn(conn net.Conn) (syscall.RawConn, bool) {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	sys, ok := conn.(syscall.Conn)
	if !ok {
		return nil, false
	}
	raw, err := sys.SyscallConn()
	return raw, err == nil
}
