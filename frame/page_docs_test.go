package frame_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// How the reference's pages are held to the code.

func referencePage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../docs/reference", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// namesEveryField holds the tables of a page, by their heads, to the fields of documents. types says how
// people call the types of the code.
func namesEveryField(t *testing.T, page string, documents map[string]reflect.Type, types map[string]string) {
	t.Helper()
	for head, document := range documents {
		rows := tableRows(t, page, head)
		for i := range document.NumField() {
			field := document.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			row, ok := rows[name]
			if !ok {
				t.Errorf("%s: the page does not name %s, the JSON of %s", head, name, field.Name)
				continue
			}
			delete(rows, name)
			if optional := strings.Contains(options, "omit"); optional != strings.Contains(row, "may be absent") {
				t.Errorf("%s: %s: the page and the code do not agree on whether it may be absent: %s", head, name, row)
			}
			if want, ok := types[typeName(field.Type)]; !ok || !strings.HasPrefix(row, " "+want) {
				t.Errorf("%s: %s (%s): the page should begin its type with %q, it has %q", head, name, typeName(field.Type), want, row)
			}
		}
		for name := range rows {
			t.Errorf("%s: the page names %s, the code does not have it", head, name)
		}
	}
}

// namesEveryCode holds a page's table of codes to what like finds in the code of the folders, which is no
// fewer than least.
func namesEveryCode(t *testing.T, page string, folders []string, like *regexp.Regexp, least int) {
	t.Helper()
	var want []string
	for _, folder := range folders {
		paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			source, err := os.ReadFile(filepath.Clean(path))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range like.FindAllSubmatch(source, -1) {
				want = append(want, string(m[1]))
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if len(want) < least {
		t.Fatalf("found only the codes %q", want)
	}
	if diff := cmp.Diff(want, sortedKeys(tableRows(t, page, "code"))); diff != "" {
		t.Errorf("codes (-code +page):\n%s", diff)
	}
}

// examplesIn returns the JSON of a page's section, which has so many examples; nil where it has not.
func examplesIn(t *testing.T, page, section string, count int) []string {
	t.Helper()
	_, text, ok := strings.Cut(page, "\n## "+section+"\n")
	if !ok {
		t.Errorf("the page has no section on %s", section)
		return nil
	}
	text, _, _ = strings.Cut(text, "\n## ")
	blocks := codeBlocks(t, text, "json")
	if len(blocks) != count {
		t.Errorf("%s: %d examples, want %d", section, len(blocks), count)
		return nil
	}
	return blocks
}

func strictly(t *testing.T, what, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%s: %v:\n%s", what, err, text)
	}
}
