package cli

import (
	"context"

	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/publisher/source/worker"
)

// workerCommand is the other end of a publisher's isolated camera. It is not for people.
type workerCommand struct{}

func (workerCommand) Run(ctx context.Context, s *session) error {
	return worker.Serve(ctx, s.Stdin, s.Stdout, func(spec source.Spec) (source.Opener, error) {
		return publisher.Opener(spec.Kind), nil
	})
}
