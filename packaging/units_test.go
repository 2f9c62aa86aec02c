// Package packaging has what a system needs besides the program: systemd's units, files for /etc, the
// Debian package. These tests hold the units to what they promise; nothing here is for programs.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func units(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("systemd/*.service")
	if err != nil || len(paths) != 5 {
		t.Fatalf("found %q: %v", paths, err)
	}
	all := make(map[string]string)
	for _, path := range paths {
		data, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(data)
	}
	return all
}

func TestUnitsSayWhatTheyAre(t *testing.T) {
	for path, text := range units(t) {
		for _, want := range []string{
			"Type=notify\n", "WatchdogSec=30\n", "Restart=always\n", "CapabilityBoundingSet=\n", "ProtectSystem=strict\n",
			// A panic has the code of a wrong file unless it ends by a signal.
			"RestartPreventExitStatus=2\n", "Environment=GOTRACEBACK=crash\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %s", path, want)
			}
		}
		if broker := strings.Contains(path, "broker"); strings.Contains(text, "DynamicUser=yes\n") == broker {
			t.Errorf("%s: a user of its own that stays is the broker's only", path)
		}
		if cameras := strings.Contains(text, "ExecStart=/usr/bin/lensbus up") || strings.Contains(text, "ExecStart=/usr/bin/lensbus publish"); strings.Contains(text, "DeviceAllow=char-video4linux rw\n") != cameras || strings.Contains(text, "PrivateDevices=yes\n") == cameras {
			t.Errorf("%s: cameras see video devices, and nothing else sees any", path)
		}
		m := regexp.MustCompile(`ExecStart=/usr/bin/lensbus \w+ -c /etc/lensbus/(\S+)`).FindStringSubmatch(text)
		if m == nil {
			t.Errorf("%s: starts nothing with a file in /etc/lensbus", path)
			continue
		}
		if _, err := os.Stat(filepath.Join("etc", strings.ReplaceAll(m[1], "%i", "example"))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestUnitsAreHardened takes systemd's own word: 20 is 2.0 of 10, "OK" ends at 4.9.
func TestUnitsAreHardened(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err == nil {
		err = exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--help").Run()
	}
	if err != nil {
		t.Skipf("NOT TESTED: how exposed the units are, because systemd-analyze here cannot say (version 250 can): %v", err)
	}
	for path := range units(t) {
		out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}
