package broker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
)

// One connection cannot fill the server's memory with subscriptions.
func TestSubscriptionsAreBounded(t *testing.T) {
	s := start(t, Config{MaxSubscriptions: 100})
	greedy, beside := connect(t, s.URL(), nats.NoReconnect()), connect(t, s.URL())
	for i := range 101 {
		if _, err := greedy.SubscribeSync(fmt.Sprint("a.", i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() bool {
		_ = greedy.Flush() // fails where it was cut off
		return errors.Is(greedy.LastError(), nats.ErrMaxSubscriptionsExceeded) || greedy.IsClosed()
	})
	if err := beside.Flush(); err != nil || !beside.IsConnected() {
		t.Errorf("who is beside it: %v", err)
	}
}
