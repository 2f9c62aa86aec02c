package cli

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// lifeOf begins a life whose process end is a message on quit.
func lifeOf(t *testing.T) (ctx context.Context, l *life, quit chan int, log *bytes.Buffer) {
	t.Helper()
	quit, log = make(chan int, 1), new(bytes.Buffer)
	ctx, l = newLife(slog.New(slog.NewTextHandler(log, nil)), func(code int) { quit <- code })
	t.Cleanup(func() {
		l.close()
		goleak.VerifyNone(t, goleak.IgnoreTopFunction("os/signal.loop"), goleak.IgnoreTopFunction("os/signal.signal_recv"))
	})
	return ctx, l, quit, log
}

func interrupt(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

func TestFirstSignalEndsInOrder(t *testing.T) {
	ctx, l, quit, _ := lifeOf(t)
	var order []string
	var mu sync.Mutex
	part := func(name string) role {
		return role{name, func(ctx context.Context) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return ctx.Err()
		}}
	}
	interrupt(t)
	if err := l.run(ctx, part("page"), part("cameras")); err != nil {
		t.Errorf("interrupted roles are a failure: %v", err)
	}
	if len(order) != 2 {
		t.Errorf("ended: %v", order)
	}
	select {
	case code := <-quit:
		t.Errorf("the process was ended with %d", code)
	default:
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	ctx, l, quit, _ := lifeOf(t)
	interrupt(t)
	<-ctx.Done()
	hangs := l.begin("cameras")
	interrupt(t)
	if code := <-quit; code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	hangs()
}

func TestPartThatHangsIsNamed(t *testing.T) {
	ctx, l, quit, log := lifeOf(t)
	release := make(chan struct{})
	ran := make(chan error, 1)
	go func() {
		ran <- l.run(ctx,
			role{"page", func(ctx context.Context) error { <-ctx.Done(); return nil }},
			role{"cameras", func(context.Context) error { <-release; return nil }})
	}()
	began := time.Now()
	interrupt(t)
	if code := <-quit; code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if took := time.Since(began); took < endWait {
		t.Errorf("given up after %s, parts have %s", took, endWait)
	}
	close(release)
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "waiting_for=[cameras]") {
		t.Errorf("the log does not name the part: %s", log)
	}
}

func TestFailingRoleEndsTheOthers(t *testing.T) {
	ctx, l, _, _ := lifeOf(t)
	broken := errors.New("address in use")
	err := l.run(ctx,
		role{"page", func(context.Context) error { return broken }},
		role{"cameras", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	if !errors.Is(err, broken) || err.Error() != broken.Error() {
		t.Errorf("%v, want only %v", err, broken)
	}
}

func TestRoleThatEndsLeavesTheOthers(t *testing.T) {
	ctx, l, _, _ := lifeOf(t)
	ended := make(chan struct{})
	err := l.run(ctx,
		role{"cameras", func(context.Context) error { close(ended); return nil }},
		role{"page", func(ctx context.Context) error {
			<-ended
			if ctx.Err() != nil {
				t.Error("the page was ended by cameras that came to their end")
			}
			interrupt(t)
			<-ctx.Done()
			return nil
		}})
	if err != nil {
		t.Error(err)
	}
}
