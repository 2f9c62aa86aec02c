package packaging

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/cli"
)

// makefile runs make in the project's folder, with a Go that says when it is asked for anything.
func makefile(t *testing.T, args ...string) (output string, err error) {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("NOT TESTED: make install, because there is no make on this machine")
	}
	_ = read(t, "../Makefile") // so that go test knows on what the outcome depends
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-C", "..", "GO=" + tells(t, "go", "go runs")}, args...)...)
	// What the make around these tests was told is not for this one.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "MFLAGS")
	})
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte(" runs!")) {
		t.Errorf("make %q:\n%s", args, out)
	}
	return string(out), err
}

// tells is a program that must not be run.
func tells(t *testing.T, name, what string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \""+what+"!\" >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// built is a program beside which are its man pages and completions, as make build leaves them.
func built(t *testing.T) (bin string) {
	t.Helper()
	bin = tells(t, "lensbus", "lensbus runs")
	dir := bin + "-manual"
	var errs bytes.Buffer
	if code := cli.Main(cli.Program{Version: "v1", Args: []string{"manual", "--dir", dir}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &errs}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	pages, err := filepath.Glob(dir + "/*.1")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%q: %v", pages, err)
	}
	for _, page := range pages {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := io.WriteString(w, read(t, page))
		if err := errors.Join(err, w.Close(), os.WriteFile(page+".gz", packed.Bytes(), 0o600), os.Remove(page)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// files are all below a folder.
func files(t *testing.T, root string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestInstallOnlyCopies: sudo make install runs neither Go nor what somebody else has built, and puts
// everything where it is looked for.
func TestInstallOnlyCopies(t *testing.T) {
	bin, root := built(t), t.TempDir()
	mine := filepath.Join(root, "etc/lensbus/web.yaml")
	if err := errors.Join(os.MkdirAll(filepath.Dir(mine), 0o755), os.WriteFile(mine, []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, err := makefile(t, "install", "BIN="+bin, "DESTDIR="+root, "prefix=/opt/lens"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	installed := files(t, root)
	share := "/opt/lens/share"
	wants := []string{
		// systemd looks nowhere below /opt.
		"/opt/lens/bin/lensbus", "/usr/local/lib/sysusers.d/lensbus.conf", "/usr/local/lib/tmpfiles.d/lensbus.conf",
		share + "/man/man1/lensbus.1.gz", share + "/man/man1/lensbus-up.1.gz",
		share + "/bash-completion/completions/lensbus", share + "/zsh/site-functions/_lensbus", share + "/fish/vendor_completions.d/lensbus.fish",
		"/etc/lensbus/lensbus.yaml", "/etc/lensbus/cameras/example.yaml", share + "/doc/lensbus/examples/grafana/lensbus.json",
		share + "/doc/lensbus/reference/config.md", share + "/doc/lensbus/guide/install.md",
	}
	for path := range units(t) {
		wants = append(wants, "/usr/local/lib/systemd/system/"+filepath.Base(path))
	}
	examples := files(t, "../configs")
	if len(examples) < 20 || !slices.Contains(examples, "/scale/hub.yaml") || !slices.Contains(examples, "/kubernetes/20-broker.yaml") {
		t.Fatalf("%q", examples)
	}
	for _, path := range examples {
		if !strings.HasPrefix(path, "/compose/") { // which need the checkout beside them
			wants = append(wants, share+"/doc/lensbus/examples"+path)
		}
	}
	for _, want := range wants {
		if !slices.Contains(installed, want) {
			t.Errorf("%s is not installed", want)
		}
	}
	// What the files for people name is there.
	names := 0
	for _, file := range []string{"lensbus.yaml", "recorder.yaml", "web.yaml", "broker.yaml", "cameras/example.yaml"} {
		text := read(t, filepath.Join(root, "etc/lensbus", file))
		for _, named := range regexp.MustCompile(`/\S*/share/doc/lensbus/\S*[a-z]`).FindAllString(text, -1) {
			if _, err := os.Stat(filepath.Join(root, named)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			names++
		}
		for _, page := range regexp.MustCompile(`\b(lensbus[a-z-]*)\(1\)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(installed, share+"/man/man1/"+page[1]+".1.gz") {
				t.Errorf("%s: no man page %s", file, page[1])
			}
		}
	}
	if names == 0 {
		t.Error("no file for people names the documentation")
	}
	for path, text := range units(t) {
		page := regexp.MustCompile(`\nDocumentation=man:([a-z-]+)\(1\) `).FindStringSubmatch(text)
		if page == nil || !slices.Contains(installed, share+"/man/man1/"+page[1]+".1.gz") {
			t.Errorf("%s: Documentation names no man page that there is: %q", path, page)
		}
	}
	unit := read(t, filepath.Join(root, "usr/local/lib/systemd/system/lensbus-web.service"))
	if !strings.Contains(unit, "\nExecStart=/opt/lens/bin/lensbus web ") || strings.Contains(unit, "/usr/bin/") {
		t.Errorf("the unit starts another program:\n%s", unit)
	}
	if read(t, mine) != "mine" {
		t.Error("a file in /etc/lensbus was overwritten")
	}

	if out, err := makefile(t, "uninstall", "BIN="+bin, "DESTDIR="+root, "prefix=/opt/lens"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, path := range files(t, root) {
		if !strings.HasPrefix(path, "/etc/lensbus/") {
			t.Errorf("%s is left", path)
		}
	}
	if read(t, mine) != "mine" {
		t.Error("a file in /etc/lensbus is gone")
	}
}

// TestInstallOfNothing says what to do and leaves nothing half done.
func TestInstallOfNothing(t *testing.T) {
	whole := built(t)
	half := tells(t, "lensbus", "lensbus runs")
	for what, bin := range map[string]string{"nothing": filepath.Join(t.TempDir(), "lensbus"), "the program alone": half, "the manual alone": whole} {
		if bin == whole {
			if err := os.Remove(whole); err != nil {
				t.Fatal(err)
			}
		}
		root := t.TempDir()
		out, err := makefile(t, "install", "BIN="+bin, "DESTDIR="+root)
		if err == nil || !strings.Contains(out, "run make build first, not as root") {
			t.Errorf("%s built: %v\n%s", what, err, out)
		}
		if left := files(t, root); left != nil {
			t.Errorf("%s built, and %q installed", what, left)
		}
	}
}
