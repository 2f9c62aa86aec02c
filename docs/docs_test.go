// Package docs holds what people read, and the tests that keep it true: links that lead somewhere,
// references that say what the code says, examples that the program takes.
package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is one Markdown file. Its path is from the repository's root, with slashes.
type page struct {
	path, text string
}

// pages returns every Markdown file of the root and of docs.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(".", func(p string, _ fs.DirEntry, err error) error {
		if filepath.Ext(p) == ".md" {
			paths = append(paths, p)
		}
		return err
	})
	if err != nil || len(paths) < 10 {
		t.Fatalf("found only %q: %v", paths, err)
	}
	var all []page
	for _, p := range paths {
		all = append(all, page{path.Join("docs", filepath.ToSlash(p)), read(t, p)})
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocks returns the page's examples in one language.
func (p page) blocks(language string) []string {
	var found []string
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	return found
}

// prose is the page without its examples.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }

var heading = regexp.MustCompile(`(?m)^(#+) (.*)$`)

// anchors are what links can point at, as GitHub makes them of headings.
func (p page) anchors() []string {
	var found []string
	for _, m := range heading.FindAllStringSubmatch(p.prose(), -1) {
		text := strings.ToLower(strings.ReplaceAll(m[2], "`", ""))
		text = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(text, "")
		found = append(found, strings.ReplaceAll(text, " ", "-"))
	}
	return found
}

// section returns what stands below a heading of the second level.
func (p page) section(t *testing.T, title string) string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+p.text, "\n## "+title+"\n")
	if !found {
		t.Fatalf("%s has no section %q", p.path, title)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// table returns the cells of the table in text whose head begins with the given cell, by row.
func table(t *testing.T, text, head string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+text, "\n| "+head+" |")
	if !found {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(rest), "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// code is the text of a cell that is one piece of code; false where it is not.
func code(cell string) (string, bool) {
	inner := strings.Trim(cell, "`")
	return inner, len(inner) == len(cell)-2 && !strings.Contains(inner, "`")
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"`)

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	byPath := make(map[string]page)
	for _, p := range all {
		byPath[p.path] = p
	}
	linked := map[string]bool{"README.md": true}
	count := 0
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") {
				continue
			}
			count++
			file, anchor, hasAnchor := strings.Cut(target, "#")
			to := path.Join(path.Dir(p.path), file)
			if file == "" {
				to = p.path
			}
			if _, err := os.Stat(filepath.Join("..", to)); err != nil {
				t.Errorf("%s: link to %s: %v", p.path, target, err)
				continue
			}
			linked[to] = true
			if hasAnchor && !slices.Contains(byPath[to].anchors(), anchor) {
				t.Errorf("%s: link to %s: the page has no such heading, it has %q", p.path, target, byPath[to].anchors())
			}
		}
	}
	if count < 50 {
		t.Errorf("found only %d links", count)
	}
	for _, p := range all {
		if !linked[p.path] {
			t.Errorf("no page links to %s", p.path)
		}
	}
}

func TestNoPathsOfOneMachine(t *testing.T) {
	machine := regexp.MustCompile(`(?:^|[\s"'(=:])(?:file://)?(?:/(?:work|root|home|Users|tmp|private)/|[A-Z]:\\)`)
	for _, p := range pages(t) {
		for line := range strings.Lines(p.text) {
			if machine.MatchString(line) {
				t.Errorf("%s: a path of one machine: %s", p.path, line)
			}
		}
	}
}

func TestDesignPagesHaveTheirParts(t *testing.T) {
	seen := 0
	for _, p := range pages(t) {
		if path.Dir(p.path) != "docs/design" || path.Base(p.path) == "README.md" {
			continue
		}
		seen++
		for _, part := range []string{"Status", "Decision", "Alternatives", "Consequences"} {
			if strings.TrimSpace(p.section(t, part)) == "" {
				t.Errorf("%s: nothing below %q", p.path, part)
			}
		}
	}
	if seen < 5 {
		t.Errorf("found only %d design pages", seen)
	}
}
