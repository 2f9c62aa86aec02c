package bus

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// kernelQueue returns a function that says how many bytes written to conn the other side's kernel has
// not acknowledged yet, and what the quickest round trip of the connection was; nil where that cannot be
// known.
func kernelQueue(conn net.Conn) func() (bytes int, least time.Duration, ok bool) {
	sys, is := innermost(conn).(syscall.Conn)
	if !is {
		return nil
	}
	raw, err := sys.SyscallConn()
	if err != nil {
		return nil
	}
	return func() (bytes int, least time.Duration, ok bool) {
		err := raw.Control(func(fd uintptr) {
			var err error
			if bytes, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err != nil {
				return
			}
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			if err != nil {
				return
			}
			if info.Min_rtt != ^uint32(0) { // nothing has been acknowledged yet
				least = time.Duration(info.Min_rtt) * time.Microsecond
			}
			ok = true
		})
		return bytes, least, ok && err == nil
	}
}
