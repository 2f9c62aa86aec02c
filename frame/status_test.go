package frame_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

// fullStatus has something in every field.
func fullStatus() frame.Status {
	at := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	return frame.Status{
		ID: "front", Epoch: testEpoch, State: frame.StateFrozen, Reason: "the same picture for 5 s",
		Warnings: []string{"asked for 60 fps, got 30", "höher als „HD“"},
		Time:     at, Since: at.Add(-time.Second), Started: at.Add(-time.Hour), LastFrame: at.Add(-5 * time.Second),
		Host: "shed", Kind: "v4l2", Source: "v4l2:/dev/video0", Format: "MJPG", Untouched: true,
		Width: 1920, Height: 1080, FPS: 29.97, FPSAsked: 60, BitRate: 24e6, Watchers: 2, Sealed: true,
		Sent: 1<<63 + 5, Dropped: map[string]uint64{"network": 3, "too_large": 1}, Stream: "file", Recorded: true, Stored: 40,
		Unstored: map[string]uint64{"timeout": 2},
	}
}

func TestStatusComesBack(t *testing.T) {
	want := fullStatus()
	for i := range reflect.TypeFor[frame.Status]().NumField() {
		if reflect.ValueOf(want).Field(i).IsZero() {
			t.Fatalf("the test leaves %s out", reflect.TypeFor[frame.Status]().Field(i).Name)
		}
	}
	for _, state := range constants(t, "State") {
		want.State = frame.State(state)
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := frame.DecodeStatus("cam.front.status", data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
}

type statusCase struct {
	name    string
	subject string
	data    string
	good    bool
}

// statusCases seed the fuzz test too.
func statusCases() []statusCase {
	const subject = "cam.front.status"
	cases := []statusCase{
		{"least", subject, `{"id":"front","state":"live"}`, true},
		{"fields of the future", subject, `{"id":"front","state":"live","mood":["good"],"x":{"y":1}}`, true},
		{"nulls", subject, `{"id":"front","state":"live","epoch":null,"warnings":null,"dropped":null,"time":null}`, true},
		{"64 KiB", subject, `{"id":"front","state":"live"}` + strings.Repeat(" ", 64<<10-29), true},

		{"64 KiB and one", subject, `{"id":"front","state":"live"}` + strings.Repeat(" ", 64<<10-28), false},
		{"10 MB", subject, `{"id":"front","state":"live","reason":"` + strings.Repeat("x", 10<<20) + `"}`, false},
		{"10 MB of brackets", subject, strings.Repeat("[", 10<<20), false},
		{"60 KB of brackets", subject, strings.Repeat("[", 60<<10), false},
		{"60 KB of nested objects", subject, strings.Repeat(`{"a":`, 12<<10), false},
		{"empty", subject, ``, false},
		{"null", subject, `null`, false},
		{"list", subject, `[]`, false},
		{"text", subject, `"live"`, false},
		{"number", subject, `5`, false},
		{"cut", subject, `{"id":"front","state":"li`, false},
		{"two documents", subject, `{"id":"front","state":"live"}{}`, false},
		{"picture", subject, "\xff\xd8\xff\xe0", false},
		{"NUL", subject, "\x00", false},
		{"no id", subject, `{"state":"live"}`, false},
		{"null id", subject, `{"id":null,"state":"live"}`, false},
		{"other camera", subject, `{"id":"yard","state":"live"}`, false},
		{"other camera second", subject, `{"id":"front","id":"yard","state":"live"}`, false},
		{"bad id", subject, `{"id":"../x","state":"live"}`, false},
		{"id in capitals", subject, `{"id":"FRONT","state":"live"}`, false},
		{"id of 60 KB", subject, `{"id":"` + strings.Repeat("a", 60<<10) + `","state":"live"}`, false},
		{"no state", subject, `{"id":"front"}`, false},
		{"unknown state", subject, `{"id":"front","state":"dreaming"}`, false},
		{"state of 60 KB", subject, `{"id":"front","state":"` + strings.Repeat("a", 60<<10) + `"}`, false},
		{"state with HTML", subject, `{"id":"front","state":"<script>"}`, false},
		{"frame subject", "cam.front.frame", `{"id":"front","state":"live"}`, false},
		{"bad subject", "cam.Front.status", `{"id":"front","state":"live"}`, false},
		{"any subject", "cam.*.status", `{"id":"front","state":"live"}`, false},
	}
	for field, values := range map[string][]string{
		"id":         {`5`, `["front"]`, `{}`, `true`},
		"epoch":      {`5`, `"../x"`, `"a b"`, `"` + strings.Repeat("e", 65) + `"`},
		"state":      {`1`, `""`, `"Live"`},
		"reason":     {`5`, `[]`, `{}`},
		"warnings":   {`"one"`, `[1]`, `{}`, `[["nested"]]`},
		"time":       {`5`, `"yesterday"`, `""`, `"2026-13-45T00:00:00Z"`, `"` + strings.Repeat("2", 60<<10) + `"`},
		"last_frame": {`1700000000`, `"x"`},
		"untouched":  {`"yes"`, `1`},
		"width":      {`"1920"`, `-1`, `65536`, `1e3000`, `1.5`, strings.Repeat("9", 60<<10), `NaN`},
		"height":     {`"1080"`, `-1`, `99999999999`},
		"fps":        {`"30"`, `-1`, `NaN`, `Infinity`, `1e999`},
		"fps_asked":  {`-0.5`, `[]`},
		"bit_rate":   {`-1`, `{}`},
		"watchers":   {`-1`, `"2"`, `2.5`},
		"sent":       {`-1`, `1.5`, `18446744073709551616`, `"5"`},
		"dropped":    {`5`, `[]`, `{"network":-1}`, `{"network":"1"}`, `{"":1}`, `{"a b":1}`, `{"{le=\"1\"}":1}`, `{"` + strings.Repeat("a", 33) + `":1}`},
		"stream":     {`5`, `[]`},
	} {
		for _, value := range values {
			cases = append(cases, statusCase{field + " " + value[:min(len(value), 40)], subject, `{"id":"front","state":"live",` + strconv.Quote(field) + `:` + value + `}`, false})
		}
	}
	return cases
}

func TestDecodeStatusTrustsNothing(t *testing.T) {
	for _, c := range statusCases() {
		s, err := frame.DecodeStatus(c.subject, []byte(c.data))
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.good {
			if s.ID != "front" || s.State != frame.StateLive {
				t.Errorf("%s: got %+v", c.name, s)
			}
			continue
		}
		if !reflect.ValueOf(s).IsZero() {
			t.Errorf("%s: a part of a status came with the error", c.name)
		}
		if text := err.Error(); len(text) > 500 || strings.ContainsAny(text, "\n\r\x1b\x00") {
			t.Errorf("%s: an error of %d bytes that is not one short line: %.600q", c.name, len(text), text)
		}
	}
	if _, err := frame.DecodeStatus("cam.front.frame", []byte(`{}`)); !errors.Is(err, frame.ErrSubject) {
		t.Errorf("status on the subject of frames: %v", err)
	}
}

// What a status says is shown in terminals, logs and pages.
func TestDecodeStatusTextsAreOneLine(t *testing.T) {
	s := fullStatus()
	hostile := "a\r\nb\x1b[2Jc\u202ed\x00e\u2028f\x7fg\u0085h"
	const clean = "a  b [2Jc d e f g h"
	s.Reason, s.Host, s.Kind, s.Source, s.Format, s.Stream = hostile, hostile, hostile, hostile, hostile, hostile
	s.Warnings = []string{"ok", hostile}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := frame.DecodeStatus("cam.front.status", data)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"reason": got.Reason, "host": got.Host, "kind": got.Kind, "source": got.Source, "format": got.Format, "stream": got.Stream, "warning": got.Warnings[1],
	} {
		if text != clean {
			t.Errorf("%s: got %q, want %q", name, text, clean)
		}
	}
	if got.Warnings[0] != "ok" {
		t.Errorf("got %q", got.Warnings[0])
	}
}
