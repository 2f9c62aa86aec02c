package frame_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// The page on control says what the code does, field by field, code by code, example by example.

func controlPage(t *testing.T) string { return referencePage(t, "control.md") }

func TestControlPageNamesEveryField(t *testing.T) {
	namesEveryField(t, controlPage(t), map[string]reflect.Type{
		"field of the answer":      reflect.TypeFor[frame.Detail](),
		"field of settings":        reflect.TypeFor[frame.Settings](),
		"field of a control":       reflect.TypeFor[frame.Control](),
		"field of a size":          reflect.TypeFor[frame.Size](),
		"field of a change":        reflect.TypeFor[frame.Change](),
		"field of a snapshot":      reflect.TypeFor[frame.SnapshotRequest](),
		"field of a lease":         reflect.TypeFor[frame.WatchRequest](),
		"field of the lease given": reflect.TypeFor[frame.WatchReply](),
		"field of a release":       reflect.TypeFor[frame.ReleaseRequest](),
	}, map[string]string{
		"string": "text", "bool": "true or false", "int": "integer", "int64": "integer", "*int": "integer",
		"float64": "number", "*float64": "number", "[]float64": "list of numbers",
		"Status": "object", "Settings": "object", "[]frame.Control": "list of objects", "[]frame.Size": "list of objects",
		"map[int64]string": "object: number → text", "map[string]int64": "object: name → integer",
	})
}

func TestControlPageNamesEveryCode(t *testing.T) {
	namesEveryCode(t, controlPage(t), []string{"../bus", "../publisher"}, regexp.MustCompile(`(?:refuse\(|ControlError\{Code: |code, text := )(\d{3})\b`), 5)
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
		for i, block := range examplesIn(t, page, verb, len(documents)) {
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
