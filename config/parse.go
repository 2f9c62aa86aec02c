package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxDepth bounds how deep a file nests, long before the parser's recursion is a danger.
const maxDepth = 64

var quotedText = regexp.MustCompile(`"(?:\\.|[^"\\]){3,}"`)

// parse returns the file's one value; nil for an empty file and after an error.
func (d *decoder) parse(data []byte) ast.Node {
	if len(data) > MaxBytes {
		d.fail(0, "", fmt.Errorf("larger than %d KiB: not a configuration file", MaxBytes>>10))
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		d.fail(0, "", errors.New("not a text in UTF-8"))
		return nil
	}
	if line := tooDeep(data); line > 0 {
		d.fail(line, "", fmt.Errorf("nested deeper than %d levels", maxDepth))
		return nil
	}
	file, err := parseYAML(data)
	if err != nil {
		d.syntax(err)
		return nil
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root != nil {
			d.fail(lineOf(doc.Body), "", errors.New("a second document: one file is one document"))
			return nil
		}
		root = doc.Body
	}
	return root
}

// parseYAML keeps a bug in the parser from ending the program with a stack trace.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			file, err = nil, errors.New("not valid YAML")
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// syntax reports the parser's error in one line.
func (d *decoder) syntax(err error) {
	var located yaml.Error
	if !errors.As(err, &located) {
		text, _, _ := strings.Cut(err.Error(), "\n")
		d.fail(0, "", errors.New(text))
		return
	}
	line := 0
	if token := located.GetToken(); token != nil && token.Position != nil {
		line = token.Position.Line
	}
	text, _, _ := strings.Cut(located.GetMessage(), "\n")
	// What the parser quotes may be half of a password; a character or two is what it stumbled on.
	text = quotedText.ReplaceAllString(text, "…")
	d.fail(line, "", fmt.Errorf("not valid YAML: %s", text))
}

// tooDeep returns the line where nesting goes beyond maxDepth, 0 when it does not. It counts what
// can nest, brackets and indentation, without understanding quotes: a text with that many opening
// brackets on a line is no configuration either.
func tooDeep(data []byte) int {
	open, line := 0, 0
	for text := range bytes.Lines(data) {
		line++
		blocks := 0 // "- - - - x" and "? ? ? x" nest without indentation
		inStart, indent := true, 0
		for _, c := range text {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			}
			switch {
			case !inStart:
			case c == ' ':
				indent++
			case c == '-' || c == '?' || c == ':':
				blocks++
			default:
				inStart = false
			}
		}
		if open > maxDepth || blocks > maxDepth || indent > 8*maxDepth {
			return line
		}
	}
	return 0
}

func lineOf(node ast.Node) int {
	if token := node.GetToken(); token != nil && token.Position != nil {
		return token.Position.Line
	}
	return 0
}
