package frame_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

// The page on recorders says what the code does, field by field, code by code, example by example.

func recorderPage(t *testing.T) string { return referencePage(t, "recorder.md") }

func TestRecorderPageNamesEveryField(t *testing.T) {
	namesEveryField(t, recorderPage(t), map[string]reflect.Type{
		"field of ranges asked":   reflect.TypeFor[frame.RangesRequest](),
		"field of ranges":         reflect.TypeFor[frame.Ranges](),
		"field of a span":         reflect.TypeFor[frame.Span](),
		"field of a gap":          reflect.TypeFor[frame.Gap](),
		"field of a replay asked": reflect.TypeFor[frame.ReplayRequest](),
		"field of an export":      reflect.TypeFor[frame.ExportRequest](),
		"field of a job":          reflect.TypeFor[frame.Job](),
		"field of a credit":       reflect.TypeFor[frame.Credit](),
		"field of an end":         reflect.TypeFor[frame.JobEnd](),
	}, map[string]string{
		"string": "text", "CameraID": "text", "Kept": "text", "GapReason": "text", "bool": "true or false",
		"int": "integer", "int64": "integer", "uint64": "integer", "float64": "number", "Time": "time",
		"[]frame.Span": "list of objects", "[]frame.Gap": "list of objects",
	})
}

func TestRecorderPageNamesEveryCode(t *testing.T) {
	namesEveryCode(t, recorderPage(t), []string{"../bus", "../recorder"}, regexp.MustCompile(`RecorderError\{(?:Camera: id, Verb: [\w.]+, )?Code: (\d{3})\b`), 7)
}

func TestRecorderPageNamesEveryWord(t *testing.T) {
	page := recorderPage(t)
	for head, prefix := range map[string]string{"reason of a gap": "Gap", "value of Lens-Job": "Job", "header of a job": "Header"} {
		want := constantsOf(t, prefix, true)
		if len(want) < 2 {
			t.Fatalf("found only %q", want)
		}
		if diff := cmp.Diff(want, sortedKeys(tableRows(t, page, head))); diff != "" {
			t.Errorf("%s (-code +page):\n%s", head, diff)
		}
	}
	for _, text := range []string{
		frame.HeaderJobNumber, "nats micro info " + frame.RecorderServiceName, "rec.front.credit.",
		fmt.Sprintf("every %g s", frame.CreditInterval.Seconds()), fmt.Sprintf("for %g s", frame.JobSilence.Seconds()),
		fmt.Sprintf("%g to %d", frame.MinSpeed, frame.MaxSpeed), fmt.Sprintf("at most %d", frame.MaxRanges),
		fmt.Sprintf("%d KiB", frame.MaxControlBytes>>10),
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func TestRecorderPageExamples(t *testing.T) {
	page := recorderPage(t)
	for section, documents := range map[string][]any{
		frame.VerbRanges: {&frame.RangesRequest{}, &frame.Ranges{}},
		frame.VerbReplay: {&frame.ReplayRequest{}},
		frame.VerbExport: {&frame.ExportRequest{}},
		"Jobs":           {&frame.Job{}, &frame.Credit{}, &frame.JobEnd{}},
	} {
		for i, block := range examplesIn(t, page, section, len(documents)) {
			strictly(t, section, block, documents[i])
			all := reflect.ValueOf(documents[i]).Elem()
			if all.IsZero() {
				t.Errorf("%s: the example says nothing: %s", section, block)
			}
			if check, ok := all.Interface().(interface{ Check() error }); ok && check.Check() != nil {
				t.Errorf("%s: the example is refused: %v", section, check.Check())
			}
		}
	}
	requests := regexp.MustCompile(`nats req [^']*rec\.front\.(\w+) '([^']*)'`).FindAllStringSubmatch(page, -1)
	for _, m := range requests {
		document, ok := map[string]any{frame.VerbRanges: &frame.RangesRequest{}, frame.VerbEach: &frame.RangesRequest{}, frame.VerbReplay: &frame.ReplayRequest{}, frame.VerbExport: &frame.ExportRequest{}}[m[1]]
		if !ok {
			t.Errorf("%s: no such verb", m[0])
		} else if m[2] != "" {
			strictly(t, m[0], m[2], document)
		}
	}
	if len(requests) < 2 {
		t.Errorf("%d requests on the page", len(requests))
	}
}
