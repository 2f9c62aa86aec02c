package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func manual(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var errs bytes.Buffer
	code := Main(Program{
		Version: "v1.2-3", Args: []string{"manual", "--dir", dir},
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

// TestManualHasAll: the page of a command has every flag and argument of it and of what is below it.
func TestManualHasAll(t *testing.T) {
	dir := manual(t)
	parser, err := kong.New(new(grammar), kong.Name("lensbus"), kong.Vars{"version": "v0"})
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	for _, command := range parser.Model.Children {
		if command.Hidden {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, "lensbus-"+command.Name+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		pages++
		page := strings.ReplaceAll(string(data), `\-`, "-")
		has := func(what, want string) {
			if !strings.Contains(page, want) {
				t.Errorf("lensbus-%s(1) has no %s: no %q", command.Name, what, want)
			}
		}
		leaves := command.Leaves(true)
		if len(leaves) == 0 {
			leaves = []*kong.Node{command}
		}
		for _, leaf := range leaves {
			has("synopsis", "\n.B "+leaf.FullPath()+"\n[flags]")
			for _, flag := range leaf.Flags {
				has("flag", "--"+flag.Name)
				for _, variable := range flag.Envs {
					has("variable of --"+flag.Name, variable)
				}
			}
			for _, argument := range leaf.Positional {
				has("argument", "\n.I "+argument.Summary()+"\n")
			}
		}
	}
	if pages < 15 {
		t.Errorf("only %d pages", pages)
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
