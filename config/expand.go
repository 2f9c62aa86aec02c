package config

import (
	"errors"
	"fmt"
	"strings"
)

// expand replaces ${NAME} in text by what lookup has. Its errors name the variable, never a value.
func expand(text string, lookup func(string) (string, bool)) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			out.WriteString(text)
			return out.String(), nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			out.WriteString(escaped + "${")
			text = after
			continue
		}
		out.WriteString(before)
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return "", errors.New("${ without }: write ${NAME}, or $${ for the characters themselves")
		}
		if !variableName(name) {
			return "", fmt.Errorf("${%.40s} is not the name of a variable: letters, digits and _ only", name)
		}
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		out.WriteString(value)
		text = rest
	}
}

func variableName(s string) bool {
	for i, c := range s {
		switch {
		case c == '_', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}
