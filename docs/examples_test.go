package docs

import (
	"encoding/xml"
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

	"github.com/lensbus/lensbus/config"
)

// environment stands in for what people set; no example may need more than this.
func environment(name string) (string, bool) {
	return "secret", name == "CAM_PASSWORD"
}

func TestExamplesOfTheFileLoad(t *testing.T) {
	examples, guides := 0, ""
	load := func(name, text string) {
		examples++
		if err := config.Decode(name, []byte(text), environment, new(file)); err != nil {
			t.Error(err)
		}
	}
	for _, p := range pages(t) {
		for _, block := range p.blocks("yaml") {
			load(p.path, block)
		}
		if strings.HasPrefix(p.path, "docs/guide/") {
			guides += p.text
		}
	}
	if examples < 4 {
		t.Errorf("found only %d examples", examples)
	}
	files, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("found only %q: %v", files, err)
	}
	for _, path := range files {
		name := "configs/" + filepath.Base(path)
		load(name, read(t, path))
		if !strings.Contains(guides, "/"+name+")") {
			t.Errorf("no guide links to %s", name)
		}
	}
}

// shell returns the commands of a page's examples: variables in front and continued lines taken
// away, one list of words each.
func shell(p page) [][]string {
	var commands [][]string
	for _, block := range p.blocks("sh") {
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
			words := strings.Fields(line)
			for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
				words = words[1:]
			}
			if len(words) > 0 {
				commands = append(commands, words)
			}
		}
	}
	return commands
}

func TestCommandsExist(t *testing.T) {
	makefile := read(t, "../Makefile")
	known := commands(t)
	count := 0
	for _, p := range pages(t) {
		for _, words := range shell(p) {
			count++
			line := strings.Join(words, " ")
			switch filepath.Base(words[0]) {
			case "nats", "nats-server", "nsc", "kubectl", "helm", "docker", "go", "curl", "ffplay", "ssh", "scp", "sudo", "export":
			case "make":
				for _, target := range words[1:] {
					if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).MatchString(makefile) {
						t.Errorf("%s: %s: there is no target %s", p.path, line, target)
					}
				}
			case "lensbus":
				named := 1 // how many words the command has
				for named < 4 && named < len(words) && !slices.Contains(known, strings.Join(words[1:named+1], " ")) {
					named++
				}
				if named == 4 || named == len(words) {
					t.Errorf("%s: %s: no such command", p.path, line)
					continue
				}
				allowed := flags(t, words[1:named+1]...)
				for _, word := range words[named+1:] {
					name, _, _ := strings.Cut(word, "=")
					if _, ok := allowed[name]; strings.HasPrefix(name, "--") && !ok {
						t.Errorf("%s: %s: lensbus %s has no flag %s", p.path, line, strings.Join(words[1:named+1], " "), name)
					}
				}
			default:
				t.Errorf("%s: %s: an unknown program", p.path, line)
			}
		}
	}
	if count < 30 {
		t.Errorf("found only %d commands", count)
	}
}

// The page for consumers, reference/frames.md, has its own tests beside package frame.
func TestGoExamplesBuild(t *testing.T) {
	count := 0
	for _, p := range pages(t) {
		for _, block := range p.blocks("go") {
			if p.path == "docs/reference/frames.md" {
				continue
			}
			count++
			path := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "go", "vet", path).CombinedOutput(); err != nil {
				t.Errorf("%s: go vet: %v\n%s", p.path, err, out)
			}
		}
	}
	if count == 0 {
		t.Error("found no example")
	}
}

// Messages that the guides tell people to look for are the program's: what is code, is a sentence
// and stands in a table's first column.
func TestMessagesAreThePrograms(t *testing.T) {
	sources := ""
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // another test's, gone again
			return nil
		}
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return filepath.SkipDir
		}
		if err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
			sources += read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What differs from one time to the next, and where errors are put together.
	varies := regexp.MustCompile(`…|"[^"]*"|\d[\d.:]*s?|[:(),?]`)
	count := 0
	for _, p := range pages(t) {
		if !strings.HasPrefix(p.path, "docs/guide/") {
			continue
		}
		for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(p.text, -1) {
			for _, message := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
				for _, piece := range varies.Split(message[1], -1) {
					piece = strings.TrimSpace(piece)
					if !strings.Contains(piece, " ") {
						continue
					}
					count++
					if !strings.Contains(sources, piece) {
						t.Errorf("%s: %q: the program never says %q", p.path, message[1], piece)
					}
				}
			}
		}
	}
	if count < 15 {
		t.Errorf("found only %d messages", count)
	}
}

func TestPicturesAreSmallAndWhole(t *testing.T) {
	const most = 200 << 10
	shots, err := filepath.Glob("*.png")
	if err != nil || len(shots) == 0 {
		t.Fatalf("no screenshot: %v", err)
	}
	for _, path := range shots {
		if size := len(read(t, path)); size > most {
			t.Errorf("%s has %d bytes, the most is %d", path, size, most)
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(read(t, "overview.svg")))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("overview.svg: %v", err)
		}
	}
}
