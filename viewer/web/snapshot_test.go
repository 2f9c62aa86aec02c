package web

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// The newest picture of a camera that is late is not the present: the next one is waited for. That of a
// slow camera is, until the next one is due.
func TestSnapshotIsNoOlderThanAFrame(t *testing.T) {
	t.Parallel()
	b := testBed(t, Config{})
	url := func(c *camera) string { return "http://" + b.addr + "/cameras/" + string(c.id) + "/snapshot.jpg" }
	seq := func(resp *http.Response) uint64 {
		n, _ := strconv.ParseUint(resp.Header.Get(frame.HeaderSeq), 10, 64)
		return n
	}
	// begin publishes a camera's first three frames, each once the server has the one before.
	begin := func(id frame.CameraID, every time.Duration) *camera {
		c := newCamera(t, b.broker.URL(), id, 30_000)
		f, err := b.server.hub.attach(feedKey{id: id})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.release)
		now := time.Now()
		for i := range 3 {
			c.publish(now.Add(time.Duration(i-2) * every))
			waitFor(t, "the frame to arrive", 20*time.Second, func() bool {
				p := f.newest()
				return p != nil && p.Seq == c.seq.Load()
			})
		}
		return c
	}
	wait := func(d time.Duration) { <-time.After(d) }

	fast := begin("fast", 50*time.Millisecond)
	slow := begin("slow", 20*time.Second)
	wait(500 * time.Millisecond)
	last := fast.seq.Load()
	time.AfterFunc(300*time.Millisecond, func() { fast.publish(time.Now()) })
	if resp, _ := get(t, url(fast), nil); resp.StatusCode != 200 || seq(resp) != last+1 {
		t.Errorf("of a camera that is late: %s, frame %d", resp.Status, seq(resp))
	}
	wait(500 * time.Millisecond)
	if resp, body := get(t, url(fast), nil); resp.StatusCode != 503 {
		t.Errorf("of a camera that delivers nothing: %s, frame %d, %.100s", resp.Status, seq(resp), body)
	}
	wait(2 * time.Second)
	if resp, body := get(t, url(slow), nil); resp.StatusCode != 200 || seq(resp) != slow.seq.Load() {
		t.Errorf("of a slow camera: %s, frame %d, %.100s", resp.Status, seq(resp), body)
	}
}
