package publisher

import (
	"io"
	"net"
	"sync"
	"testing"
)

// stoppable is a relay in front of a broker that can stop reading, as a broker does that was sent
// SIGSTOP, or cut the line.
type stoppable struct {
	listener net.Listener
	server   string
	mu       sync.RWMutex // held for writing while stopped
	stopped  bool
	refusing bool
	clients  []net.Conn
	wg       sync.WaitGroup
	open     chan struct{}
}

func newStoppable(t *testing.T, server string) *stoppable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &stoppable{listener: listener, server: server, open: make(chan struct{})}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		close(r.open)
		r.wg.Wait()
	})
	return r
}

func (r *stoppable) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		refused := r.refusing
		r.clients = append(r.clients, client)
		r.mu.Unlock()
		if refused {
			_ = client.Close()
			continue
		}
		upstream, err := net.Dial("tcp", r.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.wg.Go(func() { _, _ = io.Copy(client, upstream); _ = client.Close() })
		r.wg.Go(func() { r.forward(upstream, client); _ = upstream.Close() })
	}
}

func (r *stoppable) forward(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		r.mu.RLock()
		stopped := r.stopped
		r.mu.RUnlock()
		if stopped {
			<-r.open
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (r *stoppable) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

// cut ends all connections, and lets no other through until mend.
func (r *stoppable) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = true
	for _, client := range r.clients {
		_ = client.Close()
	}
	r.clients = nil
}

func (r *stoppable) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = false
}
