package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// live sends the camera's pictures over a WebSocket and heeds acknowledgements. The protocol is
// docs/reference/http.md.
func (s *Server) live(w http.ResponseWriter, r *http.Request, f *feed) {
	kind := "live"
	if f.preview {
		kind = "preview"
	}
	s.serveSocket(w, r, f.id, kind, func(clientMessage) {}, func(ctx context.Context, c *client) error {
		v := socketViewer{client: c, feed: f}
		return v.run(ctx)
	}, func() {})
}

// socketViewer sends one client its pictures.
type socketViewer struct {
	*client
	feed *feed

	skipped uint64
	missed  uint64 // of the feed, when this viewer came
	counted bool   // missed is known
	told    signal // last one sent
}

// firstPicture is how long a new viewer's first signal may wait for a picture to come first.
const firstPicture = time.Second

func (v *socketViewer) run(ctx context.Context) error {
	pictures, signals := v.feed.pictures.Reader(), v.feed.signals.Reader()
	first := time.NewTimer(firstPicture)
	defer first.Stop()
	select { // so that a page does not flash "no signal" while the camera is being attached
	case <-pictures.Ready():
	case <-first.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := v.tell(); err != nil {
		return err
	}
	stall := time.NewTicker(v.socket.stall / 4)
	defer stall.Stop()
	for {
		ready := pictures.Ready()
		newer := ready
		if !v.window.open() {
			newer = nil // it stays where it is, and a newer one takes its place
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-v.acks:
			select {
			case <-ready:
				v.window.wait()
			default:
			}
			v.acked(n)
		case t := <-v.times:
			err = v.text(appendTimeMessage(v.buf[:0], t, time.Now()))
		case <-signals.Ready():
			if _, _, err = signals.Next(ctx); err == nil {
				err = v.tell()
			}
		case <-newer:
			var p *picture
			var skipped uint64
			if p, skipped, err = pictures.Next(ctx); err == nil {
				err = v.frame(p, skipped)
			}
		case now := <-stall.C:
			err = v.stalled(now)
		}
		if err != nil {
			return err
		}
	}
}

// tell sends the camera's signal where it is not what the client was told last.
func (v *socketViewer) tell() error {
	s, ok := v.feed.signals.Newest()
	if !ok {
		s = signal{Type: "signal", Reason: "no picture yet"}
	}
	if s == v.told {
		return nil
	}
	v.told = s
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return v.text(data)
}

// frame sends a picture.
func (v *socketViewer) frame(p *picture, skipped uint64) error {
	now := time.Now()
	if v.told.Live != p.live(now) { // what the picture is comes before it
		if err := v.tell(); err != nil {
			return err
		}
	}
	if !v.counted {
		v.missed, v.counted = p.missed, true
	}
	v.skipped += skipped
	v.count.skip(skipped)
	v.buf = appendFrameMessage(v.buf[:0], p, v.n+1, now, p.missed-v.missed, v.skipped)
	return v.picture(v.buf, p.Data, p.arrived, now)
}
