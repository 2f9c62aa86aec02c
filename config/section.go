package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// structure decodes a mapping whose keys are v's fields.
func (d *decoder) structure(node ast.Node, v reflect.Value, key string) {
	fields := make(map[string]reflect.Value)
	collect(v, fields)
	d.entries(node, key, func(name string, line int, value ast.Node) {
		field, known := fields[name]
		switch {
		case known && isNull(value) && !isSection(field):
			d.fail(line, join(key, name), errors.New("nothing after the key: give it a value or remove it"))
		case known && !isNull(value):
			d.value(value, field, join(key, name))
		case known: // "web:" and nothing but comments below it: all defaults
			if field.Kind() == reflect.Pointer && field.IsNil() { // it is there, which is what counts
				field.Set(reflect.New(field.Type().Elem()))
			}
		default:
			d.fail(line, key, unknown(name, slices.Sorted(maps.Keys(fields))))
		}
	})
}

func unknown(name string, known []string) error {
	if meant := nearest(name, known); meant != "" {
		return fmt.Errorf("unknown key %s: did you mean %q?", quote(name), meant)
	}
	if len(known) > 12 {
		return fmt.Errorf("unknown key %s", quote(name))
	}
	return fmt.Errorf("unknown key %s: known are %s", quote(name), strings.Join(known, ", "))
}

// collect maps the keys of a struct to its fields.
func collect(v reflect.Value, fields map[string]reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case name == "-":
		case options == "inline":
			collect(v.Field(i), fields)
		case name == "":
			fields[strings.ToLower(field.Name)] = v.Field(i)
		default:
			fields[name] = v.Field(i)
		}
	}
}

// mapping decodes a mapping whose keys are free, into a map.
func (d *decoder) mapping(node ast.Node, v reflect.Value, key string) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	d.entries(node, key, func(name string, line int, value ast.Node) {
		k := reflect.New(v.Type().Key())
		if text, ok := k.Interface().(encoding.TextUnmarshaler); ok {
			if err := text.UnmarshalText([]byte(name)); err != nil {
				d.fail(line, key, oneLine(err))
				return
			}
		} else if k.Elem().Kind() == reflect.String {
			k.Elem().SetString(name)
		} else {
			d.fail(line, key, fmt.Errorf("keys of type %s cannot be configured", v.Type().Key()))
			return
		}
		element := reflect.New(v.Type().Elem()).Elem()
		switch {
		case isNull(value) && !isSection(element):
			d.fail(line, join(key, name), errors.New("nothing after the key: give it a value or remove it"))
			return
		case !isNull(value):
			d.value(value, element, join(key, name))
		default:
			d.validate(value, element, join(key, name))
		}
		v.SetMapIndex(k.Elem(), element)
	})
}

// entries calls each for the entries of a mapping, every key once.
func (d *decoder) entries(node ast.Node, key string, each func(name string, line int, value ast.Node)) {
	if isNull(node) {
		return
	}
	m, ok := node.(ast.MapNode)
	if !ok {
		d.fail(lineOf(node), key, fmt.Errorf("want a mapping (KEY: VALUE), not %s", describe(node)))
		return
	}
	first := make(map[string]int)
	for it := m.MapRange(); it.Next(); {
		name, ok := keyText(it.Key())
		line := lineOf(it.Key())
		if !ok {
			d.fail(line, key, errors.New("a key must be a plain word: << and ? are not supported"))
			continue
		}
		if before, again := first[name]; again {
			d.fail(line, key, fmt.Errorf("key %s again: it is on line %d already", quote(name), before))
			continue
		}
		first[name] = line
		each(name, line, it.Value())
	}
}

func keyText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return n.GetToken().Value, true // a camera may be called 1 or true
	}
	return "", false
}

func (d *decoder) list(node ast.Node, v reflect.Value, key string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.fail(lineOf(node), key, fmt.Errorf("want a list, not %s", describe(node)))
		return
	}
	elements := reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values))
	for i, value := range sequence.Values {
		d.value(value, elements.Index(i), key+"["+strconv.Itoa(i)+"]")
	}
	v.Set(elements)
}

// validate asks v whether it is right. Where an error begins with one of the section's own keys, as
// in "quality: 0 is outside 1 to 100" or "quality 0: want 1 to 100", it gets that key's line.
func (d *decoder) validate(node ast.Node, v reflect.Value, key string) {
	checked, ok := v.Addr().Interface().(interface{ Validate() error })
	if !ok {
		return
	}
	err := checked.Validate()
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		line, path := lineOf(node), key
		if m, ok := node.(ast.MapNode); ok {
			if name, found := blamed(m, err); found != nil {
				line = lineOf(found)
				if text, ok := strings.CutPrefix(err.Error(), name+": "); ok {
					path, err = join(key, name), &retold{text: text, err: err}
				}
			}
		}
		d.fail(line, path, oneLine(err))
	}
}

// blamed returns the key that err's text begins with.
func blamed(m ast.MapNode, err error) (string, ast.Node) {
	for it := m.MapRange(); it.Next(); {
		name, ok := keyText(it.Key())
		if rest, begins := strings.CutPrefix(err.Error(), name); ok && begins && name != "" && strings.IndexAny(rest, ": ") == 0 {
			return name, it.Key()
		}
	}
	return "", nil
}

// retold is err in other words; errors.Is and As see through it.
type retold struct {
	text string
	err  error
}

func (r *retold) Error() string { return r.text }
func (r *retold) Unwrap() error { return r.err }

func isNull(node ast.Node) bool {
	_, null := node.(*ast.NullNode)
	return null
}

// isSection says whether v is a section, of which nothing is all defaults. A list is none: that nobody is in it
// and that it is not there are not the same, as with the keys that a camera is sealed to.
func isSection(v reflect.Value) bool {
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return false
	}
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Map
}

func join(path, name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '.' || r == ':' || r > '~' }) || name == "" {
		name = quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// quote shows a key from the file: one line, not too long.
func quote(name string) string {
	if short := []rune(name); len(short) > 40 {
		name = string(short[:40]) + "…"
	}
	return strconv.Quote(name)
}
