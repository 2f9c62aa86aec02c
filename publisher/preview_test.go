package publisher

import (
	"context"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

func TestPreviewOnlyWhileWatched(t *testing.T) {
	r := newRig(t, CameraConfig{Source: "test:?width=1280&height=720&fps=20"}, Deps{})
	sub, err := r.conn.NATS().SubscribeSync("cam.front.preview")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	r.frames("some", func(f frame.Frame) bool { return f.Seq > 10 })
	if n, _, _ := sub.Pending(); n != 0 {
		t.Errorf("%d previews with nobody watching", n)
	}
	stop := r.conn.Watch("front", true)
	defer stop()
	msg, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	f, err := frame.Decode(msg.Subject, msg.Header, msg.Data, frame.Limits{})
	if err != nil || f.Width != 480 || f.Height != 270 {
		t.Fatalf("preview %dx%d, %v", f.Width, f.Height, err)
	}
	eventually(t, func() bool { return r.get().Status.Watchers >= 1 })
	stop()
	eventually(t, func() bool { // the lease is given back at once, not after 20 s
		before, _, _ := sub.Pending()
		seq := r.frames("next", func(frame.Frame) bool { return true }).Seq
		r.frames("ten more", func(f frame.Frame) bool { return f.Seq > seq+10 })
		after, _, _ := sub.Pending()
		return after == before
	})
}

// Pictures are made smaller in turns, and who waits for one holds up no frame.
func TestPreviewsTakeTurns(t *testing.T) {
	shrinking := make(turns, 1)
	r := newRig(t, CameraConfig{Source: "test:?width=1280&height=720&fps=20"}, Deps{shrinking: shrinking})
	sub, err := r.conn.NATS().SubscribeSync("cam.front.preview")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !shrinking.take(ctx) { // another camera has it
		t.Fatal("no turn")
	}
	defer r.conn.Watch("front", true)()
	eventually(t, func() bool { return r.get().Status.Watchers >= 1 })
	seq := r.frames("watched", func(frame.Frame) bool { return true }).Seq
	seq = r.frames("while others have their turn", func(f frame.Frame) bool { return f.Seq > seq+10 }).Seq
	if n, _, _ := sub.Pending(); n != 0 {
		t.Errorf("%d previews without a turn", n)
	}
	shrinking.done()
	msg, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := frame.Decode(msg.Subject, msg.Header, msg.Data, frame.Limits{}); err != nil || f.Seq < seq {
		t.Errorf("the first preview is of frame %d, %v: %d was there before it was its turn", f.Seq, err, seq)
	}
}
