//go:build compose

package compose

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSavedFileIsFollowed: whoever saves the cameras by putting another file in place of theirs, as editors do,
// need start nothing anew. A container that is given a file keeps the one of its start.
func TestSavedFileIsFollowed(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "configs", "compose")
	cameras := filepath.Join(dir, "lensbus", "lensbus.yaml")
	text := read(t, "../../configs/compose/lensbus/lensbus.yaml")
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(cameras), 0o755), os.Chmod(top, 0o755),
		os.WriteFile(cameras, []byte(text), 0o644),
		os.WriteFile(filepath.Join(dir, "broker-host.yml"), []byte(read(t, "../../configs/compose/broker-host.yml")), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	s := newStack(t, filepath.Join(dir, "broker-host.yml"), "saved", "LENSBUS_ADDRESS=127.0.0.1", "LENSBUS_PUBLISH=127.0.0.1", "LENSBUS_BROKER_PORT="+freePort(t))
	s.up("broker")
	before, _ := s.container("broker")
	changed := strings.Replace(text, "\ncameras:\n", "\ncameras:\n  hall: {record: {buffer_bytes: 16MiB}}\n", 1)
	if err := errors.Join(os.WriteFile(cameras+".new", []byte(changed), 0o644), os.Rename(cameras+".new", cameras)); err != nil {
		t.Fatal(err)
	}
	s.until("the new camera's stream is made", func() bool { return strings.Contains(s.compose("logs", "broker"), "FRAMES_hall") })
	if after, _ := s.container("broker"); after.State.StartedAt != before.State.StartedAt {
		t.Error("the broker was started again")
	}
}
