package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The shapes that the program's sections have, and one of each kind of value.
type file struct {
	Server  string            `yaml:"server"`
	Broker  broker            `yaml:"broker"`
	Cameras map[id]camera     `yaml:"cameras"`
	Labels  map[string]string `yaml:"labels"`
	Hidden  string            `yaml:"-"`
	Plain   string
	Shares  shares `yaml:"shares"`
	Shared  `yaml:",inline"`
	secret  string
}

type Shared struct {
	Level int8 `yaml:"level"`
}

type shares struct {
	Listen string `yaml:"listen"`
	Level  int    `yaml:"level"`
}

func (s *shares) Validate() error {
	if s.Level > 10 {
		return fmt.Errorf("level %d: want up to 10", s.Level)
	}
	return nil
}

type broker struct {
	Listen   string        `yaml:"listen"`
	Deadline time.Duration `yaml:"write_deadline"`
	Insecure bool          `yaml:"insecure"`
	Big      uint64        `yaml:"big"`
	Web      *web          `yaml:"web"`
}

type web struct {
	Origins []string `yaml:"origins"`
}

type camera struct {
	Source  string  `yaml:"source"`
	Quality int     `yaml:"quality"`
	FPS     float64 `yaml:"fps"`
}

var errQuality = errors.New("is outside 1 to 100")

func (c camera) Validate() error {
	var errs []error
	if c.Source == "" {
		errs = append(errs, errors.New("source is missing"))
	}
	if c.Quality < 0 || c.Quality > 100 {
		errs = append(errs, fmt.Errorf("quality: %d %w", c.Quality, errQuality))
	}
	return errors.Join(errs...)
}

type id string

func (i *id) UnmarshalText(text []byte) error {
	if strings.Trim(string(text), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return fmt.Errorf("bad camera id %q", text)
	}
	*i = id(text)
	return nil
}

func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"PASSWORD": `p@ss: "word" # {x}` + "\nquality: 0", "EMPTY": "", "NESTED": "${PASSWORD}", "N": "75",
	}[name]
	return value, ok
}

func TestDecode(t *testing.T) {
	got := file{Server: "kept", Broker: broker{Listen: "default", Deadline: time.Second}}
	err := Decode("x.yaml", []byte(`# comment
broker:
  write_deadline: 2.5s # and more
  insecure: true
  big: 18446744073709551615
  web: {origins: [a, "b c", 'd']}
cameras:
  front:
    source: http://user:${PASSWORD}@host/${EMPTY}x$${N}$N$$
    quality: 80
  1: {source: "test:", fps: 7}
  true:
    source: |-
      two
      lines ${N}
    fps: 12.5
labels:
  "any key: at all": "${NESTED}"
plain: x
level: -128
`), environment, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := file{
		Server: "kept", Plain: "x", Shared: Shared{Level: -128},
		Broker: broker{Listen: "default", Deadline: 2500 * time.Millisecond, Insecure: true, Big: 1<<64 - 1, Web: &web{Origins: []string{"a", "b c", "d"}}},
		Cameras: map[id]camera{
			"front": {Source: "http://user:p@ss: \"word\" # {x}\nquality: 0@host/x${N}$N$$", Quality: 80},
			"1":     {Source: "test:", FPS: 7},
			"true":  {Source: "two\nlines 75", FPS: 12.5},
		},
		Labels: map[string]string{"any key: at all": "${PASSWORD}"},
	}
	if got.secret != "" {
		t.Errorf("an unexported field was set to %q", got.secret)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(file{})); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyFilesAndSectionsKeepWhatIsThere(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "\ufeff# BOM\n", "broker:\ncameras:\nlabels:\n", "broker:\n  # listen: x\n", "broker: {}\n", "broker:\r\n  listen: kept\r\n"} {
		got := file{Broker: broker{Listen: "kept"}}
		if err := Decode("x.yaml", []byte(text), environment, &got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got.Broker.Listen != "kept" {
			t.Errorf("%q: the default is gone: %+v", text, got)
		}
	}
}

// record is a section that may be true or false, and may not be there at all.
type record struct {
	Off bool          `yaml:"-"`
	Age time.Duration `yaml:"age"`
}

func (r *record) UnmarshalBool(on bool) error {
	r.Off = !on
	return nil
}

func (r record) Validate() error {
	if r.Age < 0 {
		return errors.New("age: negative")
	}
	return nil
}

func TestSectionThatMayBeTrue(t *testing.T) {
	for text, want := range map[string]*record{
		"level: 1":                 nil,
		"record: true":             {},
		"record: false":            {Off: true},
		"record: {}":               {},
		"record:":                  {},
		"record:\n  # age: 1h\n":   {},
		"record: {age: 1h}":        {Age: time.Hour},
		"record: {age: -1h}":       {Age: -1},
		"record: 'true'":           {Age: -1},
		"record: 1":                {Age: -1},
		"record: [true]":           {Age: -1},
		"record: {on: true}":       {Age: -1},
		"record: true\nrecord: {}": {Age: -1},
	} {
		var got struct {
			Level  int     `yaml:"level"`
			Record *record `yaml:"record"`
		}
		err := Decode("x.yaml", []byte(text), environment, &got)
		if wrong := want != nil && want.Age < 0; wrong || err != nil {
			if !wrong || err == nil || !strings.Contains(err.Error(), "x.yaml:") {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if diff := cmp.Diff(want, got.Record); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string // the errors, in their order
	}{
		{"unknown key", "brokr:\n  listen: x\n", []string{`x.yaml:1: unknown key "brokr": did you mean "broker"?`}},
		{"unknown key inside", "broker:\n  listen: x\n  lisen: y\n", []string{`x.yaml:3: broker: unknown key "lisen": did you mean "listen"?`}},
		{"unknown key, letters swapped", "cameras:\n  front:\n    source: 'test:'\n    qualtiy: 1\n", []string{`x.yaml:4: cameras.front: unknown key "qualtiy": did you mean "quality"?`}},
		{"unknown key like nothing", "cameras:\n  front:\n    source: 'test:'\n    colour: red\n", []string{`x.yaml:4: cameras.front: unknown key "colour": known are fps, quality, source`}},
		{"key that is no field's", "hidden: x\nsecret: y\n", []string{`x.yaml:1: unknown key "hidden"`, `x.yaml:2: unknown key "secret"`}},
		{"key with other case", "Server: x\n", []string{`x.yaml:1: unknown key "Server": did you mean "server"?`}},
		{"key that would break the line", "\"a\\nb\": 1\n", []string{`x.yaml:1: unknown key "a\nb"`}},
		{"duplicate key", "broker:\n  listen: a\n\n  listen: b\n", []string{`x.yaml:4: broker: key "listen" again: it is on line 2 already`}},
		{"duplicate camera", "cameras:\n  a: {source: x}\n  'a': {source: y}\n", []string{`x.yaml:3: cameras: key "a" again: it is on line 2 already`}},
		{"bad map key", "cameras:\n  ../x: {source: y}\n", []string{`x.yaml:2: cameras: bad camera id "../x"`}},
		{"number for text", "server: 12\n", []string{`x.yaml:1: server: want a text: put it in quotes, not a number`}},
		{"truth for text", "server: true\n", []string{`x.yaml:1: server: want a text: put it in quotes, not true or false`}},
		{"list for text", "server: [a]\n", []string{`x.yaml:1: server: want a text, not a list`}},
		{"text for number", "level: high\n", []string{`x.yaml:1: level: want a whole number, not a text`}},
		{"variable for number", "level: ${N}\n", []string{`x.yaml:1: level: want a whole number, not a text`}},
		{"fraction for whole", "level: 1.5\n", []string{`x.yaml:1: level: want a whole number, not a number`}},
		{"out of range", "level: 128\nbroker:\n  big: -1\n", []string{`x.yaml:1: level: 128 is out of range`, `x.yaml:3: broker.big: -1 is out of range`}},
		{"text for truth", "broker: {insecure: 'yes'}\n", []string{`x.yaml:1: broker.insecure: want true or false, not a text`}},
		{"number for duration", "broker:\n  write_deadline: 5\n", []string{`x.yaml:2: broker.write_deadline: want a duration such as 5s or 500ms, not a number`}},
		{"text for duration", "broker:\n  write_deadline: soon\n", []string{`x.yaml:2: broker.write_deadline: want a duration such as 5s or 500ms`}},
		{"text for section", "broker: x\n", []string{`x.yaml:1: broker: want a mapping (KEY: VALUE), not a text`}},
		{"text for list", "broker:\n  web:\n    origins: x\n", []string{`x.yaml:3: broker.web.origins: want a list, not a text`}},
		{"wrong in a list", "broker:\n  web:\n    origins: [a, 2]\n", []string{`x.yaml:3: broker.web.origins[1]: want a text: put it in quotes, not a number`}},
		{"nan", "cameras: {a: {source: x, fps: .nan}}\n", []string{`x.yaml:1: cameras.a.fps: want a number, not a number`}},
		{"nothing after a key", "server:\nlevel: 1\n", []string{`x.yaml:1: server: nothing after the key: give it a value or remove it`}},
		{"nothing after a list's key", "broker:\n  web:\n    origins:\n      # - a\n", []string{`x.yaml:3: broker.web.origins: nothing after the key: give it a value or remove it`}},
		{"null for a list", "broker:\n  web: {origins: null}\n", []string{`x.yaml:2: broker.web.origins: nothing after the key: give it a value or remove it`}},
		{"tilde for a list", "broker: {web: {origins: ~}}\n", []string{`x.yaml:1: broker.web.origins: nothing after the key: give it a value or remove it`}},
		{"list at the top", "- a\n", []string{`x.yaml:1: want a mapping (KEY: VALUE), not a list`}},
		{"text at the top", "hello\n", []string{`x.yaml:1: want a mapping (KEY: VALUE), not a text`}},
		{"two documents", "server: a\n---\nserver: b\n", []string{`x.yaml:3: a second document: one file is one document`}},
		{"anchor", "server: &a x\nplain: *a\n", []string{`x.yaml:1: server: anchors and aliases`, `x.yaml:2: plain: anchors and aliases`}},
		{"merge", "broker: {listen: x}\n<<: {server: x}\n", []string{`x.yaml:2: a key must be a plain word`}},
		{"tag", "server: !!str 1\n", []string{`x.yaml:1: server: tags (!) are not supported`}},
		{"not YAML", "broker:\n  listen: [a\nserver: x\n", []string{`x.yaml:3: not valid YAML: `}},
		{"tab", "broker:\n\tlisten: a\n", []string{`x.yaml:2: not valid YAML: `}},
		{"half a password", "server: |hunter2 is it\n", []string{`x.yaml:1: not valid YAML: invalid header option: …`}},
		{"a section says no in other words", "shares:\n  listen: x\n  level: 11\n", []string{`x.yaml:3: shares: level 11: want up to 10`}},
		{"binary", "server: \x00\xff", []string{`x.yaml: not a text in UTF-8`}},
		{"too deep", strings.Repeat("[", 1000), []string{`x.yaml:1: nested deeper than 64 levels`}},
		{"too deep in blocks", strings.Repeat("- ", 1000), []string{`x.yaml:1: nested deeper than 64 levels`}},
		{"too large", strings.Repeat("#\n", MaxBytes/2+1), []string{`x.yaml: larger than 1024 KiB`}},
		{"variable not set", "server: x\nplain: a ${MISSING} b\n", []string{`x.yaml:2: plain: the environment variable MISSING is not set`}},
		{"variable not closed", "server: ${N\n", []string{`x.yaml:1: server: ${ without }`}},
		{"not a variable", "server: ${N:-7}\n", []string{`x.yaml:1: server: ${N:-7} is not the name of a variable`}},
		{"a section says no", "cameras:\n  a:\n    source: x\n    quality: 101\n  b:\n", []string{`x.yaml:4: cameras.a.quality: 101 is outside 1 to 100`, `x.yaml:5: cameras.b: source is missing`}},
		{"everything is said", "a1: 1\nb1: 2\nlevel: x\n", []string{`x.yaml:1: unknown key "a1"`, `x.yaml:2: unknown key "b1"`, `x.yaml:3: level:`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var into file
			err := Decode("x.yaml", []byte(c.text), environment, &into)
			if err == nil {
				t.Fatalf("accepted as %+v", into)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("errors %q, want %q", lines, c.want)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("error %q, want %q", lines[i], want)
				}
			}
		})
	}
}

func TestErrorsAreTyped(t *testing.T) {
	err := Decode("x.yaml", []byte("cameras:\n  a: {source: x, quality: -1}\n"), environment, &file{})
	var located *Error
	if !errors.As(err, &located) || located.File != "x.yaml" || located.Line != 2 || located.Key != "cameras.a.quality" {
		t.Errorf("%#v", err)
	}
	if !errors.Is(err, errQuality) {
		t.Errorf("the section's own error is lost in %v", err)
	}
}

func TestManyMistakesAreCutShort(t *testing.T) {
	err := Decode("x.yaml", []byte("labels:\n"+strings.Repeat("  x: 1\n", 100)), environment, &file{})
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxErrors+1 || lines[maxErrors] != "x.yaml: and 80 more mistakes" {
		t.Errorf("%d lines, the last one %q", len(lines), lines[len(lines)-1])
	}
}

func TestLoad(t *testing.T) {
	t.Setenv("LENSBUS_TEST_NAME", "from the environment")
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte("server: ${LENSBUS_TEST_NAME}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got file
	if err := Load(path, &got); err != nil || got.Server != "from the environment" {
		t.Errorf("%+v, %v", got, err)
	}
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if err := Load(missing, &got); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), missing) != 1 {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := Load(t.TempDir(), &got); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
	if err := Load(path, got); err == nil {
		t.Error("decoded into a copy")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "broker:\n  listen: x\ncameras:\n  front: {source: 'test:', quality: 80, fps: 2.5}\n",
		"server: ${PASSWORD}${\n", "labels: {a: b, \"c\\n\": ${EMPTY}}\n", "a: &x [*x]\n", "<<: *x\n? a\n: b\n",
		"server: |\n  a\n   b\nplain: >-\n  c\n", "level: 0x7f\n", "---\n...\n---\n", "%YAML 1.2\n---\na: 1\n", "- - - a\n", "server: !!binary aGk=\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var into file
		err := Decode("x.yaml", []byte(text), environment, &into)
		if err == nil {
			for name, camera := range into.Cameras {
				if camera.Validate() != nil {
					t.Errorf("camera %s came through unchecked: %+v", name, camera)
				}
			}
			return
		}
		if strings.Contains(err.Error(), `p@ss`) {
			t.Errorf("a variable's value is in the error: %v", err)
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(line, "x.yaml:") {
				t.Errorf("%q is no line of its own", line)
			}
			if len(line) > 1000 {
				t.Errorf("an error of %d bytes", len(line))
			}
		}
	})
}
