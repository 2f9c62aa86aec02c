package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decoder holds one reading of one file.
type decoder struct {
	file   string
	lookup func(string) (string, bool)
	errs   []error
}

// maxErrors is how many mistakes one reading reports; nobody reads more.
const maxErrors = 20

func (d *decoder) fail(line int, key string, err error) {
	d.errs = append(d.errs, &Error{File: d.file, Line: line, Key: key, Err: err})
}

func (d *decoder) failure() error {
	switch n := len(d.errs); {
	case n == 1:
		return d.errs[0]
	case n > maxErrors:
		d.errs = append(d.errs[:maxErrors:maxErrors], &Error{File: d.file, Err: fmt.Errorf("and %d more mistakes", n-maxErrors)})
	}
	return errors.Join(d.errs...)
}

// value decodes node into v and asks v's Validate when that went well. key is the path to it.
func (d *decoder) value(node ast.Node, v reflect.Value, key string) {
	before := len(d.errs)
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.fail(lineOf(node), key, errors.New("anchors and aliases (& and *) are not supported: write the value out, or put a text that begins so in quotes"))
		return
	case *ast.TagNode:
		d.fail(lineOf(node), key, errors.New("tags (!) are not supported: put a text that begins so in quotes"))
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(node, v.Elem(), key)
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(node, text, key)
		return
	}
	if on, ok := node.(*ast.BoolNode); ok {
		if section, ok := v.Addr().Interface().(interface{ UnmarshalBool(on bool) error }); ok {
			if err := section.UnmarshalBool(on.Value); err != nil {
				d.fail(lineOf(node), key, oneLine(err))
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(node, v, key)
	case reflect.Map:
		d.mapping(node, v, key)
	case reflect.Slice:
		d.list(node, v, key)
	default:
		if err := d.scalar(node, v); err != nil {
			d.fail(lineOf(node), key, err)
		}
	}
	if len(d.errs) == before {
		d.validate(node, v, key)
	}
}

// text gives a scalar as it stands in the file, quotes and escapes resolved, to a type that reads
// itself.
func (d *decoder) text(node ast.Node, into encoding.TextUnmarshaler, key string) {
	text, err := d.raw(node)
	if err == nil {
		err = into.UnmarshalText([]byte(text))
	}
	if err != nil {
		d.fail(lineOf(node), key, oneLine(err))
	}
}

func (d *decoder) raw(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return expand(n.Value, d.lookup)
	case *ast.LiteralNode:
		return expand(n.Value.Value, d.lookup)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	}
	return "", fmt.Errorf("want a text, not %s", describe(node))
}

func (d *decoder) scalar(node ast.Node, v reflect.Value) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		text, err := d.stringValue(node, "a duration such as 5s or 500ms")
		if err != nil {
			return err
		}
		duration, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("want a duration such as 5s or 500ms")
		}
		v.SetInt(int64(duration))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		text, err := d.stringValue(node, "a text")
		if err != nil {
			return err
		}
		v.SetString(text)
		return nil
	case reflect.Bool:
		if n, ok := node.(*ast.BoolNode); ok {
			v.SetBool(n.Value)
			return nil
		}
		return fmt.Errorf("want true or false, not %s", describe(node))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return setWhole(node, v)
	case reflect.Float32, reflect.Float64:
		return setFraction(node, v)
	}
	return fmt.Errorf("a value of type %s cannot be configured", v.Type())
}

func (d *decoder) stringValue(node ast.Node, want string) (string, error) {
	switch node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return d.raw(node)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		if want == "a text" {
			want = "a text: put it in quotes" // a number in a text's place was meant as one
		}
	}
	return "", fmt.Errorf("want %s, not %s", want, describe(node))
}

func setWhole(node ast.Node, v reflect.Value) error {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		return fmt.Errorf("want a whole number, not %s", describe(node))
	}
	switch value := n.Value.(type) {
	case int64:
		if v.CanInt() && !v.OverflowInt(value) {
			v.SetInt(value)
			return nil
		}
		if v.CanUint() && value >= 0 && !v.OverflowUint(uint64(value)) {
			v.SetUint(uint64(value))
			return nil
		}
	case uint64:
		if v.CanInt() && int64(value) >= 0 && !v.OverflowInt(int64(value)) {
			v.SetInt(int64(value))
			return nil
		}
		if v.CanUint() && !v.OverflowUint(value) {
			v.SetUint(value)
			return nil
		}
	}
	return fmt.Errorf("%.24s is out of range", n.GetToken().Value)
}

func setFraction(node ast.Node, v reflect.Value) error {
	var value float64
	switch n := node.(type) {
	case *ast.FloatNode:
		value = n.Value
	case *ast.IntegerNode:
		switch whole := n.Value.(type) {
		case int64:
			value = float64(whole)
		case uint64:
			value = float64(whole)
		}
	default:
		return fmt.Errorf("want a number, not %s", describe(node))
	}
	if v.OverflowFloat(value) {
		return fmt.Errorf("%.24s is out of range", node.GetToken().Value)
	}
	v.SetFloat(value)
	return nil
}

// describe says what node is, not what is in it: values can be secrets.
func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	}
	if _, ok := node.(ast.MapNode); ok {
		return "a mapping"
	}
	return "this"
}

// oneLine keeps what a type says about a text readable in a list of mistakes.
func oneLine(err error) error {
	if strings.Contains(err.Error(), "\n") {
		return &retold{text: strings.ReplaceAll(err.Error(), "\n", "; "), err: err}
	}
	return err
}
