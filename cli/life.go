package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"
)

// endWait is how long the parts of a command may take to end: a little under the two seconds that
// are promised, so that the process can still say what hung.
const endWait = 1800 * time.Millisecond

// life is one command's life: its context ends with the first signal or with the first part that
// fails, and then its parts have endWait to end.
type life struct {
	cancel context.CancelFunc
	log    *slog.Logger
	quit   func(code int)
	notify *notifier
	done   chan struct{}
	ended  sync.WaitGroup

	mu     sync.Mutex
	parts  []string      // not ended yet
	hangup chan struct{} // gets a token for a SIGHUP; nil: it ends the command like the others
}

// newLife begins a life and returns its context. Close it when the command has ended.
func newLife(log *slog.Logger, quit func(code int)) (context.Context, *life) {
	l := &life{log: log, quit: quit, notify: newNotifier(), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	l.ended.Go(func() {
		defer signal.Stop(signals)
		l.watch(ctx, signals)
	})
	return ctx, l
}

// watch waits for what ends the command, and then for its end.
func (l *life) watch(ctx context.Context, signals <-chan os.Signal) {
	for ending := false; !ending; {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP && l.reload() {
				continue
			}
			ending = true
			l.notify.stopping()
			l.log.Info("ending; a second signal ends at once", "signal", s.String())
			l.cancel()
		case <-ctx.Done():
			ending = true
			l.notify.stopping()
		case <-l.notify.alive:
			l.notify.watchdog()
		case <-l.done:
			return
		}
	}
	timer := time.NewTimer(endWait)
	defer timer.Stop()
	select {
	case <-signals:
		l.quit(exitInterrupted)
	case <-timer.C:
		l.log.Error("did not end in time: the process ends without it", "waiting_for", l.waitingFor(), "after", endWait)
		l.quit(exitFailed)
	case <-l.done:
	}
}

// hangups makes SIGHUP a request to read the configuration again, and returns where it comes.
func (l *life) hangups() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hangup == nil {
		l.hangup = make(chan struct{}, 1)
	}
	return l.hangup
}

// reload passes a SIGHUP on, and is false where nobody wants it.
func (l *life) reload() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hangup == nil {
		return false
	}
	select {
	case l.hangup <- struct{}{}:
	default: // one is waiting already
	}
	return true
}

// close ends the life's own goroutine. The command has ended.
func (l *life) close() {
	close(l.done)
	l.ended.Wait()
	l.cancel()
	l.notify.close()
}

// begin notes that a part runs until ended is called, so that one that hangs can be named.
func (l *life) begin(part string) (ended func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = append(l.parts, part)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := slices.Index(l.parts, part); i >= 0 {
			l.parts = slices.Delete(l.parts, i, i+1)
		}
	}
}

func (l *life) waitingFor() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.parts)
}

// end runs what ends a part, named while it does.
func (l *life) end(part string, end func() error) error {
	defer l.begin(part)()
	return end()
}

// role is a part that runs until the command's context is done.
type role struct {
	name string
	run  func(context.Context) error
}

// run runs the roles, with the life's context, until all have ended. The first that fails ends the others,
// and the command.
func (l *life) run(ctx context.Context, roles ...role) error {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	l.notify.ready()
	for _, r := range roles {
		ended := l.begin(r.name)
		all.Go(func() {
			defer ended()
			if err := r.run(ctx); err != nil && !interrupted(ctx, err) {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				l.cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// beside runs a role for as long as run takes. The role's failure ends the command, as any role's.
func (l *life) beside(ctx context.Context, r role, run func() error) error {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx, r) }()
	err := run()
	stop()
	return errors.Join(err, <-ended)
}

// interrupted says whether err only tells that the command was ended, which is no failure.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}
