package bus_test

import (
	"net"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// TestAServerThatNeverAnswersHoldsNobodyUp: it takes connections and says nothing. Whoever ends does
// not wait for it.
func TestAServerThatNeverAnswersHoldsNobodyUp(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mute.Close() })
	quit := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		conn, err := bus.Connect(t.Context(), bus.Options{Server: "nats://" + mute.Addr().String(), Quit: quit})
		if err == nil {
			_, err = conn.Publisher("front")
		}
		if err == nil {
			_, err = conn.Live("front")
		}
		if err == nil {
			err = conn.Close()
		}
		ended <- err
	}()
	// The first attempt is under way.
	held, err := mute.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	began := time.Now()
	close(quit)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second { // each of three connections would wait for 2 s
		t.Errorf("ended after %v", took)
	}
}
