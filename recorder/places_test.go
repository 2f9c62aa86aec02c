package recorder

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
)

// One who takes all that it can get leaves the rest to others, and gets places back one by one.
func TestReplaysOfOneAsker(t *testing.T) {
	g := newFootageOf(t, newReplays(3, 2))
	g.publish(20, plainScene(), time.Time{})
	g.record(1, 20)
	other, err := bus.Connect(soon(t), bus.Options{Server: g.server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	ask := func(conn *bus.Conn) (*bus.Replay, error) {
		replay, err := conn.Replay(soon(t), "front", bus.ReplayOptions{Window: 1}) // waits for credit
		if err == nil {
			t.Cleanup(func() { _ = replay.Close() })
		}
		return replay, err
	}
	greedy := make([]*bus.Replay, 2)
	for i := range greedy {
		if greedy[i], err = ask(g.asker); err != nil {
			t.Fatal(err)
		}
	}
	var refused *bus.RecorderError
	if _, err := ask(g.asker); !errors.As(err, &refused) || refused.Code != 429 || !strings.Contains(refused.Text, "2 replays and exports of yours") {
		t.Errorf("the third of one asker: %v", err)
	}
	if _, err := g.asker.Export(soon(t), "front", bus.ExportOptions{}, new(strings.Builder), nil); !errors.As(err, &refused) || refused.Code != 429 {
		t.Errorf("an export counts as well: %v", err)
	}
	mine, err := ask(other)
	if err != nil {
		t.Fatalf("another asker: %v", err)
	}
	if _, err := ask(other); !errors.As(err, &refused) || !strings.Contains(refused.Text, "3 replays and exports run already") {
		t.Errorf("more than there are places: %v", err)
	}
	_ = greedy[0].Close()
	g.until(func() bool {
		_, err := ask(g.asker)
		return err == nil
	})
	_ = mine.Close()
	g.until(func() bool {
		_, err := ask(other)
		return err == nil
	})
}
