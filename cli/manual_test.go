package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func manual(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var errs bytes.Buffer
	code := Main(Program{
		Version: "v1.2-3", Args: []string{"manual", "--dir", dir, "--bash", filepath.Join(dir, "lensbus.bash")},
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &errs,
	})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	return dir
}

func TestManual(t *testing.T) {
	dir := manual(t)
	for page, wants := range map[string][]string{
		"lensbus.1":         {".BR lensbus\\-up (1)", "\\-\\-log\\-level", ".SH EXIT STATUS", "lensbus v1.2\\-3"},
		"lensbus-up.1":      {".B \\-c, \\-\\-config=FILE", "LENSBUS_CONFIG", ".BR lensbus (1)"},
		"lensbus-auth.1":    {`.SH "AUTH PAGE ADD"`, ".B lensbus auth rm\n[flags] <name>"},
		"lensbus-publish.1": {"\\-\\-camera=ID=SOURCE"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Error(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s has no %q:\n%s", page, want, text)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "lensbus-capture-worker.1")); err == nil {
		t.Error("a hidden command has a page")
	}
}

func TestManualIsWhatManUnderstands(t *testing.T) {
	man, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("NOT TESTED: whether man can show the pages, because there is no groff on this machine")
	}
	pages, err := filepath.Glob(filepath.Join(manual(t), "*.1"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%q: %v", pages, err)
	}
	for _, page := range pages {
		cmd := exec.CommandContext(t.Context(), man, "-man", "-Tutf8", "-ww", page)
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		if err := cmd.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v\n%s", page, err, &warnings)
		}
	}
}

func TestCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("NOT TESTED: bash's completion, because there is no bash on this machine")
	}
	file := filepath.Join(manual(t), "lensbus.bash")
	for _, c := range []struct {
		line []string // the last word is the one at the cursor
		want []string // among what is offered; nil: nothing is
	}{
		{[]string{"lensbus", "rec"}, []string{"record"}},
		{[]string{"lensbus", "auth", ""}, []string{"init", "page", "--help"}},
		{[]string{"lensbus", "auth", "page", "r"}, []string{"rm", "reset"}},
		{[]string{"lensbus", "web", "--li"}, []string{"--listen"}},
		{[]string{"lensbus", "--log-level", "debug", "record", "--du"}, []string{"--durable"}},
		{[]string{"lensbus", "up", "-c", ""}, nil}, // files, which bash does
		{[]string{"lensbus", "capture"}, nil},
	} {
		script := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lensbus; echo "${COMPREPLY[@]}"`
		out, err := exec.CommandContext(t.Context(), bash, append([]string{"-c", script, "bash", file}, c.line...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		offered := strings.Fields(string(out))
		for _, want := range c.want {
			if !slices.Contains(offered, want) {
				t.Errorf("%q: offered %q, want %s", c.line, offered, want)
			}
		}
		if c.want == nil && len(offered) > 0 {
			t.Errorf("%q: offered %q", c.line, offered)
		}
	}
}
