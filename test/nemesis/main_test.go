package nemesis

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// program is the environment variable that hands the path of the built lensbus to the tests.
const program = "LENSBUS_NEMESIS_PROGRAM"

// TestMain builds the program once. Started again with the variable of a publisher, this process is
// the publisher.
func TestMain(m *testing.M) {
	if config := os.Getenv(publisherConfig); config != "" {
		os.Exit(publisherMain(config))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lensbus-nemesis-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if os.Getenv(program) == "" {
		path := filepath.Join(dir, "lensbus")
		if err := build(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		_ = os.Setenv(program, path)
	}
	code := m.Run()
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// build builds lensbus in pure Go: nothing of recording needs OpenCV.
func build(path string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	c := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", path, ".")
	c.Dir, c.Env = strings.TrimSpace(string(root)), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", c.Args, err, out)
	}
	return nil
}
