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
		all[path] = read(t, path)
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

// TestUnitsHaveUsers: what reads files that people change while it runs (keys, logins, certificates) runs as
// a user that stays and that those people can be; what reads nothing but credentials that systemd hands over
// has a user that exists only while it runs.
func TestUnitsHaveUsers(t *testing.T) {
	users := map[string]string{
		"systemd/lensbus.service": "lensbus", "systemd/lensbus-broker.service": "lensbus", "systemd/lensbus-web.service": "lensbus-web",
		"systemd/lensbus-camera@.service": "", "systemd/lensbus-recorder.service": "",
	}
	sysusers, tmpfiles, postinst := read(t, "systemd/lensbus.sysusers"), read(t, "systemd/lensbus.tmpfiles"), read(t, "deb/postinst")
	for path, text := range units(t) {
		user, known := users[path]
		switch {
		case !known:
			t.Errorf("%s: who does it run as?", path)
		case user == "":
			if !strings.Contains(text, "DynamicUser=yes\n") || strings.Contains(text, "\nUser=") || !strings.Contains(text, "LoadCredential=lensbus.creds:/etc/lensbus/") {
				t.Errorf("%s: wants a user that exists only while it runs, and credentials from systemd", path)
			}
			continue
		case !strings.Contains(text, "\nUser="+user+"\nGroup="+user+"\n") || strings.Contains(text, "DynamicUser") || strings.Contains(text, "LoadCredential"):
			t.Errorf("%s: wants the user %s, who reads what its file names", path, user)
		}
		if !strings.Contains(sysusers, "\nu "+user+" - ") || !regexp.MustCompile(`for user in [^;]*\b`+user+`[ ;]`).MatchString(postinst) {
			t.Errorf("%s: nobody makes the user %s", path, user)
		}
		state := "/var/lib/" + strings.TrimSuffix(filepath.Base(path), ".service")
		if !regexp.MustCompile(`(?m)^d ` + state + ` +0700 ` + user + ` +` + user + `$`).MatchString(tmpfiles) {
			t.Errorf("%s: there is no folder %s of the user to make keys in before the first start", path, state)
		}
		// The folder of lensbus auth is not for the process to change, and what makes users not for it to see,
		// nor that of another service with the same user.
		for other, owner := range users {
			folder := "/var/lib/" + strings.TrimSuffix(filepath.Base(other), ".service") + "/auth/"
			if owner == user && !strings.Contains(text, "\nInaccessiblePaths=-"+folder+"ca.key -"+folder+"credentials\n") {
				t.Errorf("%s sees the CA's key or credentials of others, in %s", path, folder)
			}
		}
		if writes := strings.Contains(text, "\nStateDirectory="); writes && !strings.Contains(text, "\nReadOnlyPaths=-"+state+"/auth\n") {
			t.Errorf("%s can change who its users are", path)
		}
	}
}

// The package's scripts restart, stop and forget every service; a template's instances they look for.
func TestPackageKnowsItsUnits(t *testing.T) {
	for _, script := range []string{"deb/postinst", "deb/prerm", "deb/postrm"} {
		text := read(t, script)
		for path := range units(t) {
			name := filepath.Base(path)
			if template := strings.Contains(name, "@"); template && !strings.Contains(text, strings.Replace(name, "@", "@*", 1)) ||
				!template && !regexp.MustCompile(`(?m)^units='[^']*\b`+regexp.QuoteMeta(name)+`\b`).MatchString(text) {
				t.Errorf("%s does not know %s", script, name)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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
