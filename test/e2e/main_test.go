package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// program is what is tested, once TestMain has built it.
type program struct {
	path   string
	opencv bool // with OpenCV
}

// built is the environment variable that hands the program from TestMain to the tests: its path,
// and whether it was built with OpenCV.
const built, builtWith = "LENSBUS_E2E_PROGRAM", "LENSBUS_E2E_OPENCV"

// TestMain builds the program once. Started again with the variables of a viewer, this process is
// the viewer.
func TestMain(m *testing.M) {
	if url := os.Getenv(viewerServer); url != "" {
		os.Exit(viewerMain(url, os.Getenv(viewerCamera)))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lensbus-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := build(filepath.Join(dir, "lensbus"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = os.Setenv(built, p.path)
	_ = os.Setenv(builtWith, fmt.Sprint(p.opencv))
	code := m.Run()
	// nats-server keeps one clock for all servers of a process, and sometimes longer than them.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// build builds the module's program, with OpenCV where it can be, as the Makefile does.
func build(path string) (program, error) {
	root, err := output("go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return program{}, err
	}
	p := program{path: path}
	args := []string{"build", "-buildvcs=false", "-trimpath", "-o", path}
	why := ""
	if cgo, err := output("go", "env", "CGO_ENABLED"); err != nil || cgo != "1" {
		why = "cgo is off"
	} else if _, err := output("pkg-config", "--exists", "opencv4"); err != nil {
		why = "there is no opencv4 for pkg-config"
	} else if _, err := exec.LookPath("g++"); err != nil {
		why = "there is no g++"
	}
	if why == "" {
		tags, err := makefileTags(filepath.Join(root, "Makefile"))
		if err != nil {
			return program{}, err
		}
		p.opencv = true
		args = append(args, "-tags", tags)
		fmt.Fprintln(os.Stderr, "e2e: testing the program WITH OpenCV (the first build takes a minute)")
	} else {
		fmt.Fprintf(os.Stderr, "e2e: testing the program WITHOUT OpenCV, because %s: nothing of files, native crashes and the window is tested\n", why)
	}
	c := exec.Command("go", append(args, ".")...)
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return program{}, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return p, nil
}

// makefileTags reads the build tags for OpenCV from the one place where they stand.
func makefileTags(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^OPENCV_TAGS\s*:?=\s*(\S+)`).FindSubmatch(text)
	if m == nil {
		return "", errors.New("no OPENCV_TAGS in the Makefile")
	}
	return string(m[1]), nil
}

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// lensbus returns the program under test.
func lensbus(t *testing.T) program {
	t.Helper()
	return program{path: os.Getenv(built), opencv: os.Getenv(builtWith) == "true"}
}

// needOpenCV skips the test, loudly, where the program was built without.
func needOpenCV(t *testing.T) {
	t.Helper()
	if !lensbus(t).opencv {
		t.Skip("SKIPPED, nothing was tested: the program is built without OpenCV here")
	}
}
