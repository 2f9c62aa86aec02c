package publisher

import (
	"context"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// previewQuality makes it small enough for forty on a page.
const previewQuality = 70

// staleAfter is when a frame is no longer the present, of which a preview is made.
const staleAfter = 2 * time.Second

// preview publishes cam.<id>.preview while somebody holds a lease on it, and costs nothing
// otherwise: it sleeps until a lease is taken.
func (c *camera) preview(ctx context.Context) {
	reader := c.sender.newest.Reader()
	thin := thinner{}
	thin.setRate(frame.PreviewFPS)
	said := make(saidOnce) // the sender has its own
	var made frame.Frame   // of which the last one is
	for {
		for {
			if _, wanted := c.leases.watchers(time.Now()); wanted > 0 {
				break
			}
			select {
			case <-c.leases.previewed:
			case <-ctx.Done():
				return
			}
		}
		f, _, err := reader.Next(ctx)
		if err != nil {
			return
		}
		if c.state.now().Sub(f.Captured) > staleAfter || !c.sender.out.Room() || !thin.pass(f.Captured) {
			continue
		}
		if f.Width > frame.PreviewWidth {
			if !c.shrinking.take(ctx) {
				return
			}
			// Until it was this camera's turn there may have been others.
			f, _ = c.sender.newest.Newest()
			if f.Seq == made.Seq && f.Epoch == made.Epoch {
				c.shrinking.done()
				continue
			}
		}
		made = f
		small, err := shrinkTo(f, frame.PreviewWidth, previewQuality)
		if made.Width > frame.PreviewWidth {
			c.shrinking.done()
		}
		if err == nil {
			small, err = c.sender.seal.outgoing(small, frame.KindPreview)
		}
		if err != nil {
			if said.first("preview") {
				c.log.Warn("no preview", "error", err)
			}
			continue
		}
		if err := c.sender.out.PublishPreview(ctx, &small); err != nil {
			c.log.Debug("preview", "error", err)
		}
	}
}
