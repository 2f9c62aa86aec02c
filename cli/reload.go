package cli

import (
	"context"
	"sync"

	"github.com/lensbus/lensbus/config"
)

// reread reads the configuration file again when it changes and on SIGHUP, and passes it to each, its
// cameras complete, until ctx is done. A file that is wrong is refused with its line, and the old one stays. The
// other sections hold from the next start on.
func (s *session) reread(ctx context.Context, from fileFlag, more cameraFlags, hangups <-chan struct{}, each func(file)) {
	changes := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		err := config.Watch(ctx, from.Config, func() {
			select {
			case changes <- struct{}{}:
			default: // one is waiting already
			}
		})
		if ctx.Err() == nil {
			s.log.Warn("changes of the configuration file are not noticed: send SIGHUP after one", "error", err)
		}
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		case <-hangups:
		}
		var f file
		if err := from.load(&f); err != nil {
			s.log.Error("the configuration file is refused, the old one stays", "error", err)
			continue
		}
		if err := more.addTo(&f); err != nil {
			s.log.Error("the configuration file is refused, the old one stays", "error", err)
			continue
		}
		s.log.Info("configuration file read again", "file", from.Config, "cameras", len(f.Cameras))
		each(f)
	}
}
