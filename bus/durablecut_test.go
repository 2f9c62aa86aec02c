package bus_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// A connection that is lost while the server is asked about the consumer is no server that does not
// answer: there is another connection at once, and the question is asked again there.
func TestDurableAsksAgainOnAnotherConnection(t *testing.T) {
	server := startBroker(t, broker.Config{Store: t.TempDir()})
	s := newStore(t, server.URL())
	s.provision(nil)
	s.fill(3)

	proxy, cuts := cutOnce(t, strings.TrimPrefix(server.URL(), "nats://"), []byte("$JS.API.CONSUMER.INFO."))
	conn, log := logged(t, bus.Options{Server: "nats://" + proxy})
	d := durable(t, conn, bus.DurableOptions{})
	ack(t, d, take(t, d, 1, 3))
	if cuts.Load() != 1 {
		t.Errorf("cut off %d times", cuts.Load())
	}
	if log.Has("does not answer") {
		t.Error("an answer was waited for that could not come")
	}
}

// cutOnce passes connections on to the server, and cuts off the first that says what.
func cutOnce(t *testing.T, server string, what []byte) (address string, cuts *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cuts = new(atomic.Int64)
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	pass := func(client, server net.Conn) {
		running.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		defer func() { _ = server.Close() }()
		said := make([]byte, 0, 64<<10)
		for {
			n, err := client.Read(said[len(said):cap(said)])
			if err != nil {
				return
			}
			said = said[:len(said)+n]
			if bytes.Contains(said, what) && cuts.CompareAndSwap(0, 1) {
				_ = client.Close()
				return
			}
			if _, err := server.Write(said[len(said)-n:]); err != nil {
				return
			}
			keep := min(len(said), len(what)) // it may come in two pieces
			said = append(said[:0], said[len(said)-keep:]...)
		}
	}
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			running.Go(func() { pass(client, to) })
		}
	})
	return listener.Addr().String(), cuts
}
