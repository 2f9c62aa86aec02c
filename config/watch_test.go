package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lensbus/lensbus/config"
)

func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lensbus.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "a: 2\n")
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- config.Watch(ctx, path, []byte("a: 1\n"), func() { changed <- struct{}{} }) }()
	await := func(what string) {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s was not noticed", what)
		}
	}
	await("a change before the watch began")
	write(path, "a: 3\n")
	await("a changed file")
	write(filepath.Join(filepath.Dir(path), "other.yaml"), "b: 1\n")
	write(path+".new", "a: replaced\n")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	await("a replaced file")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
	if err := config.Watch(t.Context(), filepath.Join(t.TempDir(), "no", "such"), nil, func() {}); err == nil {
		t.Error("a folder that is not there: no error")
	}
}
