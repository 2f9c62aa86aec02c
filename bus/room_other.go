//go:build !linux

package bus

import (
	"net"
	"time"
)

// smallQueue is what the kernel may hold back where it does not tell how much it does: less than is
// good for fast lines over long ways, and one or two frames on slow ones.
const smallQueue = 128 << 10

func kernelQueue(conn net.Conn) func() (bytes int, least time.Duration, ok bool) {
	if tcp, is := innermost(conn).(*net.TCPConn); is {
		_ = tcp.SetWriteBuffer(smallQueue) // the kernel's own size then
	}
	return nil
}
