package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lensbus/lensbus"

// arrows says which packages of this module each one may import; cli may import all of them. A new
// package gets its line here, so that somebody thinks about where it belongs.
func arrows() map[string][]string {
	return map[string][]string{
		".":                       {"cli"},
		"frame":                   {},
		"config":                  {},
		"config/bytesize":         {},
		"config/hostport":         {},
		"operate":                 {"auth", "config/hostport"},
		"auth":                    {"frame"},
		"broker":                  {"frame", "auth", "config/bytesize", "config/hostport"},
		"bus":                     {"frame", "auth"},
		"seal":                    {"frame"},
		"publisher":               {"frame", "bus", "seal", "config/bytesize", "publisher/source", "publisher/source/opencv", "publisher/source/v4l2", "publisher/source/worker"},
		"publisher/source":        {"frame"},
		"publisher/source/opencv": {"frame", "publisher/source", "publisher/source/v4l2"},
		"publisher/source/v4l2":   {"frame"},
		"publisher/source/worker": {"frame", "publisher/source"},
		"recorder":                {"frame", "bus", "config/bytesize", "recorder/segment", "recorder/index"},
		"recorder/index":          {"frame", "recorder/segment"},
		"recorder/segment":        {"frame"},
		"viewer":                  {"frame", "bus"},
		"viewer/web":              {"frame", "auth", "bus", "config/hostport", "viewer", "viewer/web/login"},
		"viewer/web/login":        {"frame", "auth"},
		"viewer/window":           {"frame", "bus", "viewer"},
	}
}

// fences says which packages alone may import what is heavy or not pure Go.
func fences() map[string][]string {
	return map[string][]string{
		"gocv.io/x/gocv":                     {"publisher/source/opencv", "viewer/window"},
		"github.com/nats-io/nats-server/v2/": {"broker"},
		"github.com/alecthomas/kong":         {"cli"},
		"github.com/goccy/go-yaml":           {"config"},
	}
}

func TestImportsRunDownOnly(t *testing.T) {
	for _, flags := range [][]string{
		{"CGO_ENABLED=0"},
		{"CGO_ENABLED=1", "-tags=opencv,gocv_specific_modules,gocv_videoio,gocv_highgui"},
	} {
		for _, p := range packages(t, flags[0], flags[1:]...) {
			name := relative(p.ImportPath)
			if name == "cli" || strings.HasPrefix(name, "test/") || len(p.GoFiles)+len(p.CgoFiles) == 0 {
				continue
			}
			allowed, known := arrows()[name]
			if !known {
				t.Errorf("package %s has no line in arrows: which packages may it import?", name)
			}
			for _, path := range p.Imports {
				if path != module && !strings.HasPrefix(path, module+"/") {
					continue
				}
				if imported := relative(path); !slices.Contains(allowed, imported) {
					t.Errorf("%s imports %s: it may import only %v", name, imported, allowed)
				}
			}
			for path, owners := range fences() {
				for _, imported := range p.Imports {
					if (imported == path || strings.HasPrefix(imported, strings.TrimSuffix(path, "/")+"/")) && !slices.Contains(owners, name) {
						t.Errorf("%s imports %s: only %v may", name, imported, owners)
					}
				}
			}
		}
	}
}

func relative(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

type listed struct {
	ImportPath                 string
	GoFiles, CgoFiles, Imports []string
}

func packages(t *testing.T, env string, flags ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"list", "-json=ImportPath,GoFiles,CgoFiles,Imports"}, flags...), "./...")...)
	cmd.Env = append(os.Environ(), env)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, &stderr)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(arrows()) {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// walk calls each for every text file of the project.
func walk(t *testing.T, each func(path string, data []byte)) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains([]string{".git", ".build", "bin"}, path)):
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // another test's, gone again
			return nil
		}
		if err == nil && !bytes.ContainsRune(data[:min(len(data), 8<<10)], 0) {
			seen++
			each(filepath.ToSlash(path), data)
		}
		return err
	})
	if err != nil || seen < 50 {
		t.Fatalf("walked over %d files: %v", seen, err)
	}
}

func TestFilesStayShort(t *testing.T) {
	const most = 400
	walk(t, func(path string, data []byte) {
		lines := bytes.Count(data, []byte("\n"))
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && lines > most {
			t.Errorf("%s has %d lines, the most is %d: one idea a file", path, lines, most)
		}
	})
}

func TestNothingIsLeftBehind(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// Written so that this file does not find itself.
	anywhere := []string{"/work" + "/", "/root" + "/", "../shared" + "/", "/home" + "/runner"}
	if strings.Count(here, "/") > 1 {
		anywhere = append(anywhere, here+"/")
	}
	code := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:", "not " + "implemented"}
	walk(t, func(path string, data []byte) {
		// In a bubble of testing/synctest time is made up, and waiting for it is no waiting.
		sleeps := !strings.HasSuffix(path, "_test.go") || bytes.Contains(data, []byte(`"testing/synctest"`))
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 16<<20)
		for number := 1; lines.Scan(); number++ {
			for _, word := range anywhere {
				// The one file beside a checkout that tests may use where it is.
				text := strings.ReplaceAll(lines.Text(), "../shared"+"/data/vtest.avi", "")
				if strings.Contains(text, word) {
					t.Errorf("%s:%d: %q is a path of one machine", path, number, word)
				}
			}
			for _, word := range code {
				if strings.HasSuffix(path, ".go") && strings.Contains(lines.Text(), word) {
					t.Errorf("%s:%d: %q", path, number, word)
				}
			}
			if !sleeps && strings.Contains(lines.Text(), "time.Sl"+"eep(") {
				t.Errorf("%s:%d: a test waits for a condition, not for a time", path, number)
			}
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	})
}

// Variables of a package are shared by all that use it; what does not change is fine.
func TestNoPackageVariables(t *testing.T) {
	walk(t, func(path string, data []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			return
		}
		for _, decl := range file.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				v := spec.(*ast.ValueSpec)
				if !constant(path, vars, v) {
					t.Errorf("%s: package variable %s", fset.Position(v.Pos()), v.Names[0])
				}
			}
		}
	})
}

// constant says whether a package variable is one of those that never change: an error to compare
// with, a compiled pattern or replacer, embedded files, a check that a type has methods; and what the linker sets.
func constant(path string, vars *ast.GenDecl, v *ast.ValueSpec) bool {
	if v.Names[0].Name == "_" || (path == "main.go" && v.Names[0].Name == "version") {
		return true
	}
	for _, doc := range []*ast.CommentGroup{vars.Doc, v.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	for _, value := range v.Values {
		if alias, ok := value.(*ast.SelectorExpr); ok && strings.HasPrefix(alias.Sel.Name, "Err") {
			continue
		}
		call, ok := value.(*ast.CallExpr)
		if !ok {
			return false
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "strings.NewReplacer"}, fmt.Sprint(function.X, ".", function.Sel)) {
			return false
		}
	}
	return len(v.Values) > 0
}

// The tags are in the Makefile; what else has to say them must say the same.
func TestOneListOfTags(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(makefile), "OPENCV_TAGS := ")
	tags, _, _ := strings.Cut(rest, "\n")
	if !found || !strings.HasPrefix(tags, "opencv,") {
		t.Fatalf("the Makefile's list of tags: %q", tags)
	}
	walk(t, func(path string, data []byte) {
		for line := range strings.SplitSeq(string(data), "\n") {
			if i := strings.Index(line, "gocv_"+"specific_modules,"); i >= 0 && !strings.Contains(line, tags) {
				t.Errorf("%s: other tags than the Makefile's %s: %s", path, tags, strings.TrimSpace(line))
			}
		}
	})
}
