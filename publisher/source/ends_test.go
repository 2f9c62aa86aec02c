package source

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testEnds checks the ways to end a source whose second picture does not come: ctx, Close while
// Next waits, Close twice, Next after Close.
func testEnds(t *testing.T, open func() Source) {
	t.Helper()
	src := open()
	if _, err := src.Next(t.Context()); err != nil {
		t.Fatalf("first picture: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := src.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next with a deadline that passes: %v", err)
	}

	src = open()
	if _, err := src.Next(t.Context()); err != nil {
		t.Fatalf("first picture: %v", err)
	}
	entered := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		close(entered)
		_, err := src.Next(context.Background())
		result <- err
	}()
	<-entered
	begin := time.Now()
	if err := src.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("Next while closing: %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := src.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := src.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
}
