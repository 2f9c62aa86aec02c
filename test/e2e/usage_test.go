package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/test/free"
)

// checkOneLine checks that what went wrong is told in one line for people.
func checkOneLine(t *testing.T, stderr string) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "lensbus: ") {
			lines++
		} else if !strings.HasPrefix(line, "time=") {
			t.Errorf("a line that is neither the error nor the log: %q", line)
		}
	}
	if lines > 1 {
		t.Errorf("%d lines of errors: %s", lines, stderr)
	}
}

// TestWrongUsage: exit code 2 and one line that names the thing and what to do.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want []string // in the line
	}{
		"unknown command":           {[]string{"watch"}, []string{`watch`, "--help"}},
		"unknown flag":              {[]string{"web", "--colour"}, []string{"--colour", "lensbus web --help"}},
		"unknown level":             {[]string{"--log-level", "loud", "broker"}, []string{"--log-level", "loud"}},
		"no cameras":                {[]string{"publish"}, []string{"no cameras", "--camera"}},
		"camera without a source":   {[]string{"publish", "--camera", "front"}, []string{"ID=SOURCE"}},
		"unknown kind of source":    {[]string{"publish", "--camera", "front=ftp://example.org/a"}, []string{"front", `"ftp"`, "v4l2:", "rtsp(s)://"}},
		"no kind of source":         {[]string{"publish", "--camera", "front=/dev/video0"}, []string{"front", "/dev/video0", "v4l2:"}},
		"nothing after the kind":    {[]string{"publish", "--camera", "front=v4l2:"}, []string{"front", "v4l2:"}},
		"unknown parameter":         {[]string{"publish", "--camera", "front=test:?size=9"}, []string{"front", "size", "width, height, fps"}},
		"width out of range":        {[]string{"publish", "--camera", "front=test:?width=-1&height=480"}, []string{"front", "width", "-1", "16 to 16384"}},
		"server that is no URL":     {[]string{"publish", "--camera", "front=test:", "--server", "http://127.0.0.1"}, []string{"http", "nats"}},
		"two brokers":               {[]string{"publish", "--camera", "front=test:", "--embed-broker", "--server", "nats://127.0.0.1"}, []string{"--embed-broker", "--server"}},
		"unknown context":           {[]string{"web", "--context", "nowhere"}, []string{"nowhere"}},
		"broker for everybody":      {[]string{"broker", "--listen", "0.0.0.0:0"}, []string{"0.0.0.0:0", "--insecure"}},
		"page for everybody":        {[]string{"web", "--listen", "0.0.0.0:0"}, []string{"0.0.0.0:0", "--insecure"}},
		"listen without a port":     {[]string{"broker", "--listen", "localhost"}, []string{`"localhost"`, "HOST:PORT"}},
		"snapshot without a file":   {[]string{"snapshot", "front"}, []string{"--output"}},
		"configuration that is not": {[]string{"up", "-c", "/nonexistent/lensbus.yaml"}, []string{"/nonexistent/lensbus.yaml", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) { wrongUsage(t, test.args, test.want...) })
	}
	for _, id := range []string{"../x", "a.b", "*", ">", "", "Front", "-a", strings.Repeat("a", 33), "a b", "ä"} {
		t.Run(fmt.Sprintf("id %q", id), func(t *testing.T) {
			const help = "1 to 32 of a-z, 0-9, '_' and '-'"
			wrongUsage(t, []string{"publish", "--camera=" + id + "=test:"}, fmt.Sprintf("%q", id), help)
			wrongUsage(t, []string{"snapshot", "-o", "-", "--", id}, fmt.Sprintf("%q", id), help)
			wrongUsage(t, []string{"view", "--", id}, fmt.Sprintf("%q", id), help)
			config := writeConfig(t, fmt.Sprintf("cameras:\n  %q:\n    source: \"test:\"\n", id))
			wrongUsage(t, []string{"up", "-c", config}, config+":2", fmt.Sprintf("%q", id), help)
		})
	}
}

func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		line int
		want []string
	}{
		"unknown section":    {"# mine\n\ncamera:\n  front:\n    source: 'test:'\n", 3, []string{"camera", "cameras"}},
		"unknown key":        {"cameras:\n  front:\n    source: 'test:'\n    qualty: 70\n", 4, []string{"cameras.front", `"qualty"`, `"quality"`}},
		"wrong type":         {"cameras:\n  front:\n    source: 'test:'\n    quality: high\n", 4, []string{"cameras.front.quality"}},
		"unknown kind":       {"cameras:\n  front:\n    source: ftp://example.org\n", 3, []string{"front", "ftp"}},
		"key twice":          {"web:\n  listen: 127.0.0.1:0\nweb:\n  listen: 127.0.0.1:0\n", 3, []string{"web"}},
		"no YAML":            {"cameras: [\n", 0, nil},
		"no variable":        {"cameras:\n  front:\n    source: http://a:${LENSBUS_NOT_SET}@127.0.0.1/\n", 3, []string{"LENSBUS_NOT_SET"}},
		"broker for all":     {"broker:\n  listen: 0.0.0.0:4222\n", 0, []string{"0.0.0.0:4222"}},
		"server and up":      {"server: nats://127.0.0.1\n", 0, []string{"lensbus publish"}},
		"binary":             {"\x00\xff\xfe", 0, nil},
		"no mapping":         {"- front\n- yard\n", 1, nil},
		"camera of two docs": {"cameras:\n  front:\n    source: 'test:'\n---\ncameras: {}\n", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeConfig(t, test.text)
			want := test.want
			if test.line > 0 {
				want = append(want, fmt.Sprintf("%s:%d", path, test.line))
			}
			wrongUsage(t, []string{"up", "-c", path}, want...)
		})
	}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lensbus.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wrongUsage(t *testing.T, args []string, want ...string) {
	t.Helper()
	code, stdout, stderr := answer(t, args...)
	if code != 2 || stdout != "" {
		t.Errorf("lensbus %s: exit code %d, want 2; it prints %q and says %s", strings.Join(args, " "), code, stdout, stderr)
	}
	if !strings.HasPrefix(stderr, "lensbus: ") || strings.Count(stderr, "\n") != 1 || len(stderr) > 600 {
		t.Errorf("lensbus %s: want one line for people, got %q", strings.Join(args, " "), stderr)
	}
	for _, part := range want {
		if !strings.Contains(stderr, part) {
			t.Errorf("lensbus %s: want %q in %s", strings.Join(args, " "), part, stderr)
		}
	}
}

// TestAddressInUse: exit code 1 and what to do.
func TestAddressInUse(t *testing.T) {
	t.Parallel()
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	address := strings.TrimPrefix(url, "nats://")
	for _, args := range [][]string{
		{"broker", "--listen", address},
		{"up", "--broker-listen", address, "--web-listen", "127.0.0.1:0"},
		{"up", "--broker-listen", "127.0.0.1:0", "--web-listen", address},
		{"web", "--listen", address, "--server", url},
		{"publish", "--embed-broker", "--listen", address, "--camera", "front=test:"},
	} {
		code, _, stderr := answer(t, args...)
		checkOneLine(t, stderr)
		if code != 1 || !strings.Contains(stderr, address+" is already in use") {
			t.Errorf("lensbus %s: exit code %d, %s", strings.Join(args, " "), code, stderr)
		}
	}
}

// TestNobodyAnswers: what asks one thing gives up and says what to do.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	nobody := "nats://" + free.Address(t)
	for _, args := range [][]string{{"snapshot", "front", "-o", "-"}, {"cameras"}} {
		code, stdout, stderr := answer(t, append(args, "--server", nobody)...)
		checkOneLine(t, stderr)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "lensbus up") {
			t.Errorf("lensbus %s: exit code %d, %q, %s", strings.Join(args, " "), code, stdout, stderr)
		}
	}
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	code, _, stderr := answer(t, "snapshot", "front", "-o", "-", "--server", url)
	checkOneLine(t, stderr)
	if code != 1 || !strings.Contains(stderr, "front") {
		t.Errorf("snapshot of no camera: exit code %d, %s", code, stderr)
	}
	code, stdout, stderr := answer(t, "cameras", "--json", "--wait", "100ms", "--server", url)
	if code != 0 || strings.TrimSpace(stdout) != "[]" {
		t.Errorf("cameras --json without any: exit code %d, %q, %s", code, stdout, stderr)
	}
}
