package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// completer asks a real shell what it offers at the end of each line.
type completer func(t *testing.T, dir string, lines []string) [][]string

// shells are the ones that there are completions for.
func shells() map[string]completer {
	return map[string]completer{
		"bash": func(t *testing.T, dir string, lines []string) [][]string {
			// readline cuts the line at what is in COMP_WORDBREAKS; of that lines here have blanks and "=".
			script := `source "$1"; shift
				for line; do
					spaced=${line//=/ = }; read -ra COMP_WORDS <<<"$spaced"
					[[ $line == *" " ]] && COMP_WORDS+=("")
					COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lensbus
					for word in "${COMPREPLY[@]}"; do echo "$word"; done; echo
				done`
			return blocks(t, "bash", append([]string{"--norc", "-c", script, "bash", filepath.Join(dir, "lensbus.bash")}, lines...)...)
		},
		"zsh": func(t *testing.T, dir string, lines []string) [][]string {
			return blocks(t, "zsh", append([]string{"-f", "testdata/complete.zsh", dir}, lines...)...)
		},
		"fish": func(t *testing.T, dir string, lines []string) [][]string {
			script := `source $argv[1]
				for line in $argv[2..-1]
					complete -C $line | string replace -r '\t.*' '' | string replace -r '^--[a-z-]+=' ''
					echo
				end`
			return blocks(t, "fish", append([]string{"--no-config", "-c", script, filepath.Join(dir, "lensbus.fish")}, lines...)...)
		},
	}
}

// blocks are the lines of what a program prints, up to each empty one.
func blocks(t *testing.T, program string, args ...string) (all [][]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Minute
	home := t.TempDir()
	cmd.Env = append(cmd.Environ(), "HOME="+home, "TMPDIR="+home, "TERM=xterm")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var block []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			block = append(block, line)
			continue
		}
		all, block = append(all, block), nil
	}
	return all
}

// TestCompletionOffers asks every shell, with keys pressed where that is possible.
func TestCompletionOffers(t *testing.T) {
	roles := []string{"admin", "operator", "publisher", "recorder", "site", "viewer", "web"}
	cases := []struct {
		line string // the cursor is at its end
		want []string
	}{
		{"lensbus rec", []string{"record"}},
		{"lensbus capture", nil}, // hidden
		{"lensbus auth page r", []string{"reset", "rm"}},
		{"lensbus web --li", []string{"--listen"}},
		{"lensbus --log-level debug record --du", []string{"--durable"}},
		{"lensbus --log-level ", []string{"debug", "error", "info", "warn"}},
		{"lensbus export --format ", []string{"h264", "mp4"}},
		{"lensbus export --format=h", []string{"h264"}},
		{"lensbus auth explain ", roles},
		{"lensbus auth add pub", []string{"publisher"}},
		{"lensbus auth add publisher pub", nil}, // its name
		{"lensbus up --web-listen ", nil},
	}
	lines := make([]string, len(cases))
	for i, c := range cases {
		lines[i] = c.line
	}
	eachShell(t, func(t *testing.T, ask completer, dir string) {
		offered := ask(t, dir, lines)
		if len(offered) != len(cases) {
			t.Fatalf("%d answers: %q", len(offered), offered)
		}
		for i, c := range cases {
			// Where no command's name is due, bash offers flags without a dash too.
			words := slices.DeleteFunc(offered[i], func(word string) bool { return strings.HasPrefix(word, "-") && !strings.Contains(c.line, "-") })
			slices.Sort(words)
			if !slices.Equal(words, c.want) {
				t.Errorf("%q: offered %q, want %q", c.line, words, c.want)
			}
		}
	})
}

// TestCompletionKnowsAll asks every shell for every command and every flag of the grammar.
func TestCompletionKnowsAll(t *testing.T) {
	parser, err := kong.New(new(grammar), kong.Name("lensbus"), kong.Vars{"version": "v0"})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	var wants [][]string
	var walk func(n *kong.Node, line string)
	walk = func(n *kong.Node, line string) {
		var commands, flags []string
		for _, child := range n.Children {
			if !child.Hidden {
				commands = append(commands, child.Name)
				walk(child, line+child.Name+" ")
			}
		}
		for ; n != nil; n = n.Parent {
			for _, flag := range n.Flags {
				flags = append(flags, "--"+flag.Name)
			}
		}
		if commands != nil {
			lines, wants = append(lines, line), append(wants, commands)
		}
		lines, wants = append(lines, line+"--"), append(wants, flags)
	}
	walk(parser.Model.Node, "lensbus ")
	if len(lines) < 25 {
		t.Fatalf("only %q", lines)
	}
	eachShell(t, func(t *testing.T, ask completer, dir string) {
		offered := ask(t, dir, lines)
		if len(offered) != len(lines) {
			t.Fatalf("%d answers for %d lines", len(offered), len(lines))
		}
		for i, line := range lines {
			for _, want := range wants[i] {
				if !slices.Contains(offered[i], want) {
					t.Errorf("%q: no %s among %q", line, want, offered[i])
				}
			}
		}
	})
}

// TestCompletionOfFiles: a flag that takes a file completes files, one that takes a folder only those.
func TestCompletionOfFiles(t *testing.T) {
	eachShell(t, func(t *testing.T, ask completer, dir string) {
		if strings.HasSuffix(t.Name(), "/bash") {
			for i, offered := range ask(t, dir, []string{"lensbus up -c ", "lensbus up --config=", "lensbus record --dir "}) {
				if offered != nil {
					t.Errorf("%d: offered %q, where bash itself is to complete files", i, offered)
				}
			}
			return
		}
		if err := os.Mkdir(filepath.Join(dir, "lensbus-up.d"), 0o700); err != nil {
			t.Fatal(err)
		}
		at := dir + "/lensbus-u"
		for i, offered := range ask(t, dir, []string{"lensbus up -c " + at, "lensbus up --config=" + at, "lensbus record --dir " + at}) {
			for j, word := range offered {
				offered[j] = strings.TrimSuffix(filepath.Base(word), "/")
			}
			want := []string{"lensbus-up.1", "lensbus-up.d"}
			if i == 2 {
				want = want[1:]
			}
			if slices.Sort(offered); !slices.Equal(slices.Compact(offered), want) {
				t.Errorf("%d: offered %q, want %q", i, offered, want)
			}
		}
	})
}

func eachShell(t *testing.T, try func(t *testing.T, ask completer, dir string)) {
	for name, ask := range shells() {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("NOT TESTED: %s's completion, because there is no %s on this machine", name, name)
			}
			try(t, ask, manual(t))
		})
	}
}
