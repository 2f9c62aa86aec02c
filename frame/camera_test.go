package frame_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/lensbus/lensbus/frame"
)

// cameraIDs is what a camera id may be and what not, for every way in which one comes in.
var cameraIDs = []struct {
	id   string
	good bool
}{
	{"front", true},
	{"a", true},
	{"0", true},
	{"yard-2", true},
	{"yard_2", true},
	{"7-_", true},
	{"con", true},
	{strings.Repeat("a", 32), true},
	{strings.Repeat("a", 33), false},
	{strings.Repeat("a", 1<<20), false},
	{"", false},
	{"../x", false},
	{"..", false},
	{"/", false},
	{`a\b`, false},
	{"a.b", false},
	{".", false},
	{"*", false},
	{">", false},
	{"a*", false},
	{"$SYS", false},
	{"Front", false},
	{"FRONT", false},
	{"-front", false},
	{"_front", false},
	{" front", false},
	{"front ", false},
	{"front yard", false},
	{"front\n", false},
	{"front\r\nPUB x 0", false},
	{"front\x00", false},
	{"\x00", false},
	{"a%2e%2e", false},
	{"höhle", false},
	{"ｆｒｏｎｔ", false}, // full-width letters
	{"frоnt", false}, // a Cyrillic o
	{"a\u202eb", false},
	{"\xff\xfe", false},
	{"<b>", false},
	{"'\"", false},
}

func TestParseCameraID(t *testing.T) {
	for _, c := range cameraIDs {
		id, err := frame.ParseCameraID(c.id)
		if (err == nil) != c.good {
			t.Errorf("%.50q: %v", c.id, err)
			continue
		}
		if c.good {
			if string(id) != c.id {
				t.Errorf("%q became %q", c.id, id)
			}
			continue
		}
		if id != "" || !errors.Is(err, frame.ErrCameraID) {
			t.Errorf("%.50q: got %q, %v", c.id, id, err)
		}
		if text := err.Error(); len(text) > 300 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			t.Errorf("%.50q: an error of %d bytes that is not one short line: %.400q", c.id, len(text), text)
		}
	}
}

// A camera id is checked in values and in map keys of JSON and YAML documents.
func TestCameraIDUnmarshalText(t *testing.T) {
	for _, c := range cameraIDs {
		quoted, err := json.Marshal(c.id)
		if err != nil {
			t.Fatal(err)
		}
		for name, decode := range map[string]func() (string, error){
			"JSON value": func() (string, error) {
				var v struct{ ID frame.CameraID }
				err := json.Unmarshal([]byte(`{"ID":`+string(quoted)+`}`), &v)
				return string(v.ID), err
			},
			"JSON key": func() (string, error) {
				var v map[frame.CameraID]int
				err := json.Unmarshal([]byte(`{`+string(quoted)+`:1}`), &v)
				return firstKey(v), err
			},
			"YAML value": func() (string, error) {
				var v struct{ ID frame.CameraID }
				err := yaml.Unmarshal([]byte(`id: `+string(quoted)+"\n"), &v)
				return string(v.ID), err
			},
			"YAML key": func() (string, error) {
				var v map[frame.CameraID]int
				err := yaml.Unmarshal([]byte(string(quoted)+": 1\n"), &v)
				return firstKey(v), err
			},
		} {
			got, err := decode()
			if c.good && (err != nil || got != c.id) {
				t.Errorf("%s %q: got %q, %v", name, c.id, got, err)
			}
			if !c.good && (err == nil || got != "") {
				t.Errorf("%s %.50q: got %.50q, %v", name, c.id, got, err)
			}
		}
	}
	for _, document := range []string{`{"ID":5}`, `{"ID":["a"]}`, `{"ID":{"a":1}}`, `{"ID":true}`} {
		var v struct{ ID frame.CameraID }
		if err := json.Unmarshal([]byte(document), &v); err == nil || v.ID != "" {
			t.Errorf("%s: got %q, %v", document, v.ID, err)
		}
	}
}

func firstKey(m map[frame.CameraID]int) string {
	for k := range m {
		return string(k)
	}
	return ""
}

func TestCameraIDUnmarshalTextLeavesTheOldOnAnError(t *testing.T) {
	id := frame.CameraID("front")
	if err := id.UnmarshalText([]byte("../x")); !errors.Is(err, frame.ErrCameraID) || id != "front" {
		t.Fatalf("got %q, %v", id, err)
	}
}
