package frame_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

// The page for other people's programs says what the code does: the tests here fail when a
// header, a state, a reason or a field is on one side only.

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/reference/frames.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// tableRows returns the rows of the table whose head begins with the given cell, by their first
// cell, which is code.
func tableRows(t *testing.T, page, head string) map[string]string {
	t.Helper()
	_, table, ok := strings.Cut(page, "\n| "+head+" |")
	if !ok {
		t.Fatalf("the page has no table of %ss", head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := make(map[string]string)
	for _, line := range strings.Split(table, "\n")[2:] {
		m := regexp.MustCompile("^\\| `([^`]+)` \\|(.*)$").FindStringSubmatch(line)
		if m == nil {
			t.Errorf("table of %ss: cannot read the row %q", head, line)
			continue
		}
		if _, twice := rows[m[1]]; twice {
			t.Errorf("table of %ss: %s is there twice", head, m[1])
		}
		rows[m[1]] = m[2]
	}
	return rows
}

// constants returns the values of the package's exported string constants whose name begins with
// prefix.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	return constantsOf(t, prefix, false)
}

// constantsOf tells the words of recording, which have a page of their own, from all others.
func constantsOf(t *testing.T, prefix string, recording bool) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "recording") != recording {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				spec := spec.(*ast.ValueSpec)
				for i, name := range spec.Names {
					if !strings.HasPrefix(name.Name, prefix) || i >= len(spec.Values) {
						continue
					}
					if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
						value, err := strconv.Unquote(literal.Value)
						if err != nil {
							t.Fatal(err)
						}
						values = append(values, value)
					}
				}
			}
		}
	}
	slices.Sort(values)
	return values
}

func sortedKeys(rows map[string]string) []string {
	var keys []string
	for key := range rows {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func TestPageNamesEveryConstant(t *testing.T) {
	page := readPage(t)
	for prefix, heads := range map[string][]string{
		"Header": {"header", "answer header"}, "State": {"state"}, "Reason": {"reason"}, "Verb": {"verb"},
	} {
		want := constants(t, prefix)
		if len(want) < 3 {
			t.Fatalf("found only %q", want)
		}
		got := make(map[string]string)
		for _, head := range heads {
			maps.Copy(got, tableRows(t, page, head))
		}
		if diff := cmp.Diff(want, sortedKeys(got)); diff != "" {
			t.Errorf("%s (-code +page):\n%s", prefix, diff)
		}
	}
	var want []string
	for _, kind := range constants(t, "Kind") {
		subject := "cam.<id>." + kind
		if kind == string(frame.KindControl) {
			subject += ".<verb>"
		}
		want = append(want, subject)
	}
	if diff := cmp.Diff(want, sortedKeys(tableRows(t, page, "subject"))); diff != "" {
		t.Errorf("subjects (-code +page):\n%s", diff)
	}
	limits := frame.DefaultLimits()
	for _, text := range []string{
		frame.AllFrames, frame.AllStatuses, frame.CameraID("<id>").StreamName(),
		fmt.Sprintf("every %g s", frame.StatusInterval.Seconds()),
		fmt.Sprintf("%d MiB with headers", limits.Bytes>>20),
		fmt.Sprintf("request is at most %d KiB", frame.MaxControlBytes>>10),
		fmt.Sprintf("lease for at most %g s", frame.LeaseLimit.Seconds()),
		"`nats micro info " + frame.ServiceName + "`", "metadata as `" + frame.ServiceMetadataCamera + "`",
		fmt.Sprintf("%d %03d %03d ", limits.Pixels/1e6, limits.Pixels/1e3%1e3, limits.Pixels%1e3),
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func TestPageNamesEveryStatusField(t *testing.T) {
	rows := tableRows(t, readPage(t), "field")
	status := reflect.TypeFor[frame.Status]()
	for i := range status.NumField() {
		field := status.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		row, ok := rows[name]
		if !ok {
			t.Errorf("the page does not name %s, the JSON of %s", name, field.Name)
			continue
		}
		delete(rows, name)
		if optional := strings.Contains(options, "omit"); optional != strings.Contains(row, "absent") {
			t.Errorf("%s: the page and the code do not agree on whether it may be absent: %s", name, row)
		}
		want, ok := map[string]string{
			"string": "text", "CameraID": "text", "State": "text", "Time": "time", "bool": "true or false",
			"int": "integer", "uint64": "integer", "float64": "number", "[]string": "list of texts", "map[string]uint64": "object",
		}[typeName(field.Type)]
		if !ok || !strings.HasPrefix(row, " "+want) {
			t.Errorf("%s: the page should begin its type with %q, it has %q", name, want, row)
		}
	}
	for name := range rows {
		t.Errorf("the page names %s, the status does not have it", name)
	}
}

func typeName(t reflect.Type) string {
	if t.Name() != "" {
		return t.Name()
	}
	return t.String()
}

// codeBlocks returns the page's examples in one language.
func codeBlocks(t *testing.T, page, language string) []string {
	t.Helper()
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)\n```\n").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1]+"\n")
	}
	if len(blocks) == 0 {
		t.Fatalf("the page has no example in %s", language)
	}
	return blocks
}

func TestPageExamples(t *testing.T) {
	page := readPage(t)
	for _, block := range codeBlocks(t, page, "json") {
		if _, err := frame.DecodeStatus("cam.desk.status", []byte(block)); err != nil {
			t.Errorf("%v:\n%s", err, block)
		}
	}
	for _, block := range codeBlocks(t, page, "go") {
		path := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", path).CombinedOutput(); err != nil {
			t.Errorf("go vet: %v\n%s", err, out)
		}
	}
	python := strings.Join(codeBlocks(t, page, "python"), "")
	for header := range tableRows(t, page, "header") {
		if !mayBeMissing(header) && !strings.Contains(python, strconv.Quote(header)) {
			t.Errorf("the example of a publisher does not send %s", header)
		}
	}
}

func mayBeMissing(header string) bool {
	return header == frame.HeaderMsgID || header == frame.HeaderPublished || header == frame.HeaderUnsent
}

// What the page says of headers by example is what Decode takes.
func TestPageHeadersAreNeeded(t *testing.T) {
	f := goodFrame(t)
	f.Published, f.Unsent = f.Captured.Add(time.Millisecond), 1
	for header := range tableRows(t, readPage(t), "header") {
		h := f.Header(true)
		if _, there := h[header]; !there {
			t.Errorf("%s is never sent", header)
		}
		delete(h, header)
		_, err := frame.Decode(testSubject, h, f.Data, frame.Limits{})
		if needed := !mayBeMissing(header); needed != (err != nil) {
			t.Errorf("without %s: %v", header, err)
		}
	}
}
