package docs

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/cli"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/operate"
	"github.com/lensbus/lensbus/publisher"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/viewer/web"
	"github.com/lensbus/lensbus/viewer/window"
)

// file is the configuration file as package cli has it; TestFileIsTheCommandLines compares the two.
type file struct {
	Server      string `yaml:"server"`
	Context     string `yaml:"context"`
	Creds       string `yaml:"creds"`
	SealKeyFile string `yaml:"seal_key_file"`

	Broker   broker.Config                             `yaml:"broker"`
	Cameras  map[frame.CameraID]publisher.CameraConfig `yaml:"cameras"`
	Web      web.Config                                `yaml:"web"`
	View     window.Config                             `yaml:"view"`
	Recorder recorder.Config                           `yaml:"recorder"`
	Metrics  operate.Config                            `yaml:"metrics"`
}

func TestFileIsTheCommandLines(t *testing.T) {
	source, err := parser.ParseFile(token.NewFileSet(), "../cli/file.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var theirs []string
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "file" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			if field.Tag == nil {
				t.Errorf("cli/file.go: a field without a yaml tag: %v", field.Names)
				continue
			}
			theirs = append(theirs, field.Names[0].Name+" "+strings.Trim(field.Tag.Value, "`"))
		}
		return false
	})
	var ours []string
	for field := range fields(reflect.TypeFor[file]()) {
		ours = append(ours, field.Name+" "+string(field.Tag))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("the file's sections (-cli +these tests):\n%s", diff)
	}
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func TestConfigReferenceNamesEveryKey(t *testing.T) {
	p := page{"docs/reference/config.md", read(t, "reference/config.md")}
	for section, config := range map[string]any{
		"Top":    file{},
		"broker": broker.Config{}.OrDefaults(),
		"cameras": publisher.CameraConfig{
			Quality: publisher.DefaultQuality, OpenTimeout: publisher.DefaultOpenTimeout,
			ReadTimeout: publisher.DefaultReadTimeout, FreezeAfter: publisher.DefaultFreezeAfter, Grace: publisher.DefaultGrace,
		},
		"record":   publisher.RecordConfig{}.OrDefaults(),
		"recorder": recorder.Config{}.OrDefaults(),
		"web":      web.Config{}.OrDefaults(),
		"view":     window.Config{}, "metrics": operate.Config{},
		"broker.tls": broker.TLSConfig{}, "web.tls": web.TLSConfig{},
	} {
		rows := make(map[string][]string)
		for _, row := range table(t, p.section(t, section), "key") {
			key, ok := code(row[0])
			if !ok || len(row) != 4 || rows[key] != nil {
				t.Errorf("%s: cannot read the row %q, or its key is there twice", section, row)
			}
			rows[key] = row
		}
		value := reflect.ValueOf(config)
		for field := range fields(value.Type()) {
			key := field.Tag.Get("yaml")
			if key == "-" {
				continue
			}
			row := rows[key]
			if row == nil {
				t.Errorf("%s: the page does not name the key %s", section, key)
				continue
			}
			delete(rows, key)
			if row[1] == "" {
				t.Errorf("%s.%s: no unit", section, key)
			}
			if standard := shown(value.FieldByIndex(field.Index)); standard != "" && row[2] != "`"+standard+"`" {
				t.Errorf("%s.%s: the page has the default %s, the code %s", section, key, row[2], standard)
			}
		}
		for key := range rows {
			t.Errorf("%s: the page names the key %s, the code does not know it", section, key)
		}
	}
}

// shown is a default as the page writes it; "" where a zero value says nothing about it.
func shown(v reflect.Value) string {
	switch d := v.Interface().(type) {
	case time.Duration:
		if d == 0 {
			return ""
		}
		text := strings.TrimSuffix(d.String(), "m0s")
		if text != d.String() {
			text += "m"
		}
		if hours, whole := strings.CutSuffix(text, "h0m"); whole {
			return hours + "h"
		}
		return text
	case bool:
		return fmt.Sprint(d)
	}
	if v.Kind() == reflect.Struct || v.IsZero() {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// help runs the program's --help. It starts nothing.
func help(t *testing.T, command ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(cli.Program{Version: "v0", Args: append(command, "--help"), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
	if code != 0 || errs.Len() > 0 {
		t.Fatalf("lensbus %v --help: exit code %d: %s", command, code, &errs)
	}
	return out.String()
}

// commands are the names that lensbus --help lists; of some they are two or three words.
func commands(t *testing.T) []string {
	t.Helper()
	_, list, _ := strings.Cut(help(t), "\nCommands:\n")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+(?: [a-z-]+)*) `).FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if len(names) < 5 {
		t.Fatalf("found only %q", names)
	}
	return names
}

// flag is one flag as the program's help has it.
type flag struct {
	name        string // as in the page: -c, --config=FILE
	environment string
	text        string
}

var flagLine = regexp.MustCompile(`(?m)^(?:  (-[a-z]), |      )(--[a-z-]+)(=\S+)?`)

// flags returns the flags of a command, by their long name.
func flags(t *testing.T, command ...string) map[string]flag {
	t.Helper()
	_, list, _ := strings.Cut(help(t, command...), "\nFlags:\n")
	list, _, _ = strings.Cut(list, "\nCommands:\n")
	found := make(map[string]flag)
	at := flagLine.FindAllStringSubmatchIndex(list, -1)
	for i, m := range at {
		end := len(list)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		long := list[m[4]:m[5]]
		f := flag{name: long, text: strings.Join(strings.Fields(list[m[1]:end]), " ")}
		if m[6] >= 0 {
			f.name += list[m[6]:m[7]]
		}
		if m[2] >= 0 {
			f.name = list[m[2]:m[3]] + ", " + f.name
		}
		if env := regexp.MustCompile(`\(\$([A-Z_]+)\)`).FindStringSubmatch(f.text); env != nil {
			f.environment = env[1]
		}
		found[long] = f
	}
	return found
}

var numberDefault = regexp.MustCompile(`Default ([0-9][\w.:]*\w)`)

func TestCommandLineReferenceNamesEveryFlag(t *testing.T) {
	p := page{"docs/reference/cli.md", read(t, "reference/cli.md")}
	common := flags(t)
	check := func(section string, want map[string]flag) {
		for _, row := range table(t, p.section(t, section), "flag") {
			name, ok := code(row[0])
			if !ok || len(row) != 4 {
				t.Errorf("%s: cannot read the row %q", section, row)
				continue
			}
			long := "--" + regexp.MustCompile(`[a-z-]+`).FindString(name[strings.Index(name, "--")+2:])
			f, known := want[long]
			if !known {
				t.Errorf("%s: the page names %s, the program does not know it, or it is there twice", section, long)
				continue
			}
			delete(want, long)
			if name != f.name {
				t.Errorf("%s: the page has %s, the program %s", section, name, f.name)
			}
			if env, _ := code(row[1]); env != f.environment {
				t.Errorf("%s %s: the page has the variable %q, the program %q", section, long, env, f.environment)
			}
			standard, isCode := code(row[2])
			if isCode && !strings.Contains(f.text, "Default "+standard) {
				t.Errorf("%s %s: the page has the default %s, the program says: %s", section, long, standard, f.text)
			}
			if m := numberDefault.FindStringSubmatch(f.text); m != nil && m[1] != standard {
				t.Errorf("%s %s: the page has the default %s, the program says: %s", section, long, row[2], f.text)
			}
		}
		for _, missing := range slices.Sorted(maps.Keys(want)) {
			t.Errorf("%s: the page does not name %s", section, missing)
		}
	}
	check("All commands", maps.Clone(common))
	names := commands(t)
	for _, command := range names {
		own := flags(t, strings.Fields(command)...)
		for name := range common {
			delete(own, name)
		}
		check("lensbus "+command, own)
	}
	for _, m := range regexp.MustCompile(`(?m)^## lensbus (.+)$`).FindAllStringSubmatch(p.text, -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("the page has a section for lensbus %s, which there is not", m[1])
		}
	}
}

func TestHTTPReferenceNamesEveryPath(t *testing.T) {
	p := page{"docs/reference/http.md", read(t, "reference/http.md")}
	for _, list := range []struct{ head, source, pattern string }{
		{"path", "../viewer/web/server.go", `"(?:GET|POST) (/[^"]*)"`},
	} {
		var want, got []string
		for _, m := range regexp.MustCompile(list.pattern).FindAllStringSubmatch(read(t, list.source), -1) {
			if m[1] != "/api/" { // answers "no such path"
				want = append(want, m[1])
			}
		}
		for _, row := range table(t, p.text, list.head) {
			name, _ := code(row[0])
			got = append(got, name)
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(want) < 5 {
			t.Errorf("%s: found only %q", list.source, want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("table of %ss (-code +page):\n%s", list.head, diff)
		}
	}
}
