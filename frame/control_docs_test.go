package frame_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

// The page on control says what the code does, field by field, code by code, example by example.

func controlPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/reference/control.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestControlPageNamesEveryField(t *testing.T) {
	page := controlPage(t)
	for head, document := range map[string]reflect.Type{
		"field of the answer":      reflect.TypeFor[frame.Detail](),
		"field of settings":        reflect.TypeFor[frame.Settings](),
		"field of a control":       reflect.TypeFor[frame.Control](),
		"field of a size":          reflect.TypeFor[frame.Size](),
		"field of a change":        reflect.TypeFor[frame.Change](),
		"field of a snapshot":      reflect.TypeFor[frame.SnapshotRequest](),
		"field of a lease":         reflect.TypeFor[frame.WatchRequest](),
		"field of the lease given": reflect.TypeFor[frame.WatchReply](),
		"field of a release":       reflect.TypeFor[frame.ReleaseRequest](),
	} {
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
			want, ok := map[string]string{
				"string": "text", "bool": "true or false", "int": "integer", "int64": "integer", "*int": "integer",
				"float64": "number", "*float64": "number", "[]float64": "list of numbers",
				"Status": "object", "Settings": "object", "[]frame.Control": "list of objects", "[]frame.Size": "list of objects",
				"map[int64]string": "object: number → text", "map[string]int64": "object: name → integer",
			}[typeName(field.Type)]
			if !ok || !strings.HasPrefix(row, " "+want) {
				t.Errorf("%s: %s: the page should begin its type with %q, it has %q", head, name, want, row)
			}
		}
		for name := range rows {
			t.Errorf("%s: the page names %s, the code does not have it", head, name)
		}
	}
}

func TestControlPageNamesEveryCode(t *testing.T) {
	var want []string
	for _, folder := range []string{"../bus", "../publisher"} {
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
			for _, m := range regexp.MustCompile(`(?:refuse\(|ControlError\{Code: |code, text := )(\d{3})\b`).FindAllSubmatch(source, -1) {
				want = append(want, string(m[1]))
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if len(want) < 5 {
		t.Fatalf("found only the codes %q", want)
	}
	if diff := cmp.Diff(want, sortedKeys(tableRows(t, controlPage(t), "code"))); diff != "" {
		t.Errorf("codes (-code +page):\n%s", diff)
	}
}

func TestControlPageExamples(t *testing.T) {
	page := controlPage(t)
	for verb, documents := range map[string][]any{
		frame.VerbGet:      {&frame.Detail{}},
		frame.VerbSet:      {&frame.Change{}},
		frame.VerbSnapshot: {&frame.SnapshotRequest{}},
		frame.VerbWatch:    {&frame.WatchRequest{}, &frame.WatchReply{}},
		frame.VerbRelease:  {&frame.ReleaseRequest{}},
	} {
		_, section, ok := strings.Cut(page, "\n## "+verb+"\n")
		if !ok {
			t.Errorf("the page has no section on %s", verb)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		blocks := codeBlocks(t, section, "json")
		if len(blocks) != len(documents) {
			t.Errorf("%s: %d examples, want %d", verb, len(blocks), len(documents))
			continue
		}
		for i, block := range blocks {
			strictly(t, verb, block, documents[i])
			if all := reflect.ValueOf(documents[i]).Elem(); verb != frame.VerbGet && all.IsZero() {
				t.Errorf("%s: the example says nothing: %s", verb, block)
			}
		}
	}
	requests := regexp.MustCompile(`nats req cam\.front\.control\.(\w+) '([^']*)'`).FindAllStringSubmatch(page, -1)
	seen := make(map[string]bool)
	for _, m := range requests {
		seen[m[1]] = true
		document, ok := map[string]any{
			frame.VerbGet: &struct{}{}, frame.VerbSet: &frame.Change{}, frame.VerbSnapshot: &frame.SnapshotRequest{},
			frame.VerbWatch: &frame.WatchRequest{}, frame.VerbRelease: &frame.ReleaseRequest{},
		}[m[1]]
		if !ok {
			t.Errorf("%s: no such verb", m[0])
		} else if m[2] != "" {
			strictly(t, m[0], m[2], document)
		}
	}
	for _, verb := range constants(t, "Verb") {
		if !seen[verb] {
			t.Errorf("no example asks for %s", verb)
		}
	}
	for _, text := range []string{
		fmt.Sprintf("at most\n%d KiB", frame.MaxControlBytes>>10),
		fmt.Sprintf("at most %g;", frame.LeaseLimit.Seconds()),
		frame.HeaderReceived, frame.HeaderSent, "nats micro info " + frame.ServiceName, "$SRV.STATS." + frame.ServiceName,
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func strictly(t *testing.T, what, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%s: %v:\n%s", what, err, text)
	}
}
