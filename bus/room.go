package bus

import (
	"net"
	"sync"
	"time"
)

// room says whether one more frame may be given to a network connection. What is given to it is out of
// our hands: the kernel queues some megabytes, and a slow line's modem or router queues what the kernel
// has sent. On a line of 200 KB/s that are 20 s, by which every later frame would be late. So frames
// leave as they come only while the other side's kernel acknowledges them soon. Once it does not, the
// next leaves when all before it have arrived: one picture on its way at a time, and the newest each
// time.
type room struct {
	mu      sync.Mutex
	queue   func() (bytes int, least time.Duration, ok bool) // not acknowledged yet; the quickest round trip
	written int64
	marks   []mark // of what is not known to be acknowledged, oldest first
	arrived int64  // acknowledged when that was last looked at
	slow    bool
}

// mark is the end of one write.
type mark struct {
	end   int64
	began time.Time
}

// What an acknowledgement may take beside two round trips.
const (
	// ackedSoon holds what a receiver may put one off for, 40 ms.
	ackedSoon = 100 * time.Millisecond
	// longestHitch is how long nothing at all may arrive.
	longestHitch = 500 * time.Millisecond
)

// is says whether there is room at now.
func (r *room) is(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue == nil || len(r.marks) == 0 {
		return true
	}
	bytes, least, ok := r.queue()
	if !ok { // closed, or the kernel does not say
		r.marks = r.marks[:0]
		return true
	}
	soon, arrived := ackedSoon+2*least, r.written-int64(bytes)
	moves := arrived > r.arrived
	r.arrived = arrived
	acknowledged := 0
	for acknowledged < len(r.marks) && r.marks[acknowledged].end <= arrived {
		// It may have arrived long before; who waits for room looks often enough to see it in time.
		r.slow = r.slow && now.Sub(r.marks[acknowledged].began) > soon
		acknowledged++
	}
	r.marks = append(r.marks[:0], r.marks[acknowledged:]...)
	if len(r.marks) == 0 {
		return true
	}
	if late := now.Sub(r.marks[0].began) - soon; late > 0 && moves || late > longestHitch-ackedSoon {
		r.slow = true
	}
	return !r.slow
}

// begins is called before so many bytes are written.
func (r *room) begins(bytes int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queue == nil {
		return
	}
	r.written += int64(bytes)
	if n := len(r.marks); n > 0 && now.Sub(r.marks[n-1].began) < markEvery {
		r.marks[n-1].end = r.written
		return
	}
	r.marks = append(r.marks, mark{r.written, now})
	if len(r.marks) > mostMarks { // nobody has asked for long
		r.marks = append(r.marks[:0], r.marks[1:]...)
	}
}

// Writes that follow each other closely are one: TLS makes three of a frame.
const (
	markEvery = 2 * time.Millisecond
	mostMarks = 1024
)

// measured is a connection whose writes r knows of. What is written over an earlier one counts no more.
func (r *room) measured(conn net.Conn) net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue, r.written, r.arrived, r.marks, r.slow = kernelQueue(conn), 0, 0, nil, false
	return &measuredConn{Conn: conn, room: r}
}

type measuredConn struct {
	net.Conn
	room *room
}

// Write implements net.Conn.
func (c *measuredConn) Write(p []byte) (int, error) {
	c.room.begins(len(p), time.Now())
	return c.Conn.Write(p)
}

// innermost is the connection that others are around.
func innermost(conn net.Conn) net.Conn {
	for {
		around, is := conn.(interface{ NetConn() net.Conn })
		if !is {
			return conn
		}
		conn = around.NetConn()
	}
}
