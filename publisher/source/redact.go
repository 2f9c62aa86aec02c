package source

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Redacted is the source without anything that may be a credential: user information and query
// values of an URL are replaced, and so are values that are named like a secret. The rest stays so
// that people know which camera it is.
func (s Spec) Redacted() string {
	if s.Kind.isURL() {
		u, err := url.Parse(s.Address)
		if err != nil {
			return string(s.Kind) + "://…"
		}
		shown := redactText(u.Scheme + "://" + u.Host + u.EscapedPath())
		if u.RawQuery != "" {
			shown += "?…"
		}
		return shown
	}
	return string(s.Kind) + ":" + redactText(s.Address)
}

// secrets are the strings that must not show in any log, error or page, in the forms in which a
// library may write them. Longest first, so that no secret is left half-visible by a shorter one
// inside it.
func (s Spec) secrets() []string {
	var found []string
	add := func(text string) {
		quoted := strconv.Quote(text) // url.Error prints with %q
		for _, form := range []string{text, quoted[1 : len(quoted)-1], url.QueryEscape(text), url.PathEscape(text)} {
			// Shorter ones would blank out half of every message; where they stand in an URL or
			// after a name, redactText finds them.
			if len(form) >= 3 {
				found = append(found, form)
			}
		}
	}
	addBoth := func(raw string, unescape func(string) (string, error)) {
		add(raw)
		if decoded, err := unescape(raw); err == nil && decoded != raw {
			add(decoded)
		}
	}
	for _, m := range urlUser.FindAllStringSubmatch(s.Address, -1) {
		addBoth(m[2], url.PathUnescape)
		name, password, _ := strings.Cut(m[2], ":")
		addBoth(name, url.PathUnescape)
		addBoth(password, url.PathUnescape)
		plain, _ := url.PathUnescape(m[2])
		add(base64.StdEncoding.EncodeToString([]byte(plain))) // Authorization: Basic
	}
	for _, m := range urlQuery.FindAllStringSubmatch(s.Address, -1) {
		addBoth(m[2], url.QueryUnescape)
		for pair := range strings.SplitSeq(m[2], "&") {
			if _, value, ok := strings.Cut(pair, "="); ok {
				addBoth(value, url.QueryUnescape)
			}
		}
	}
	for _, m := range namedSecret.FindAllStringSubmatch(s.Address, -1) {
		addBoth(strings.Trim(m[2], `"'`), url.PathUnescape)
	}
	if s.Kind.isURL() && s.Address != s.Redacted() {
		add(s.Address)
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(found)
}

// Scrub takes the source's credentials out of a text that a library wrote: OpenCV's, FFmpeg's and
// net/http's errors quote the URL they were given, whole or in parts.
func (s Spec) Scrub(text string) string {
	shown := s.Redacted()
	if !s.Kind.isURL() { // there the kind is part of the address
		shown = strings.TrimPrefix(shown, string(s.Kind)+":")
	}
	if s.Address != "" {
		text = strings.ReplaceAll(text, s.Address, shown)
	}
	for _, secret := range s.secrets() {
		if strings.Contains(secret, "%") { // %2f and %2F are the same
			text = replaceFold(text, secret, "…")
			continue
		}
		text = strings.ReplaceAll(text, secret, "…")
	}
	return redactText(text)
}

// replaceFold replaces old in text where it stands in upper or lower case letters of ASCII.
func replaceFold(text, old, with string) string {
	lower, find := asciiLower(text), asciiLower(old)
	var b strings.Builder
	done := 0
	for {
		i := strings.Index(lower[done:], find)
		if i < 0 {
			b.WriteString(text[done:])
			return b.String()
		}
		b.WriteString(text[done:done+i] + with)
		done += i + len(find)
	}
}

// asciiLower keeps every byte's position, which strings.ToLower does not.
func asciiLower(s string) string {
	lower := []byte(s)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}

// ScrubError is err with its text scrubbed; errors.Is and As see through it. What As finds is
// unscrubbed: take a code or a state from it, never its text.
func (s Spec) ScrubError(err error) error {
	if err == nil {
		return nil
	}
	if text := s.Scrub(err.Error()); text != err.Error() {
		return &scrubbed{text: text, err: err}
	}
	return err
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }

// Format keeps %#v and %+v from reaching into err.
func (e *scrubbed) Format(f fmt.State, verb rune) { formatText(f, verb, e.text) }

var (
	// urlUser is an URL's user information: everything up to the last '@' of the word, because
	// people write '/', '?' and '@' in passwords unescaped. It may take the host with it.
	urlUser = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)([^\s"]*)@`)
	// urlQuery is an URL's query.
	urlQuery = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://[^\s?"']*\?)([^\s"']+)`)
	// namedSecret is a value with a name like GStreamer's user-pw, RTSP paths' password and
	// web interfaces' token, in name=value, name: value and quoted.
	namedSecret = regexp.MustCompile(`(?i)\b([a-z0-9_-]*(?:user[-_]?id|user[-_]?pw|passw(?:or)?d|pass|pwd|token|secret|credential|api[-_]?key|authorization)[a-z0-9_-]*\s*[=:]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+)`)
)

// redactText replaces everything in text that looks like a credential, whosoever it is.
func redactText(text string) string {
	text = urlUser.ReplaceAllString(text, "${1}…@")
	text = urlQuery.ReplaceAllString(text, "${1}…")
	return namedSecret.ReplaceAllString(text, "${1}…")
}

// String makes every way of printing a Spec a safe one.
func (s Spec) String() string { return s.Redacted() }

// Format keeps %#v and %+v from reaching into the fields. Package fmt cannot call it where the
// Spec is an unexported field of a struct that is printed whole: do not print such structs.
func (s Spec) Format(f fmt.State, verb rune) { formatText(f, verb, s.Redacted()) }

func formatText(f fmt.State, verb rune, text string) {
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = f.Write([]byte(text))
}

// MarshalText makes a Spec safe in JSON and YAML documents, those that slog writes included. It is
// one-way: a redacted source opens nothing, and there is no UnmarshalText on purpose. What really
// has to hand a source on, such as to a process of its own, names the fields.
func (s Spec) MarshalText() ([]byte, error) { return []byte(s.Redacted()), nil }

// LogValue makes a Spec safe as a slog attribute.
func (s Spec) LogValue() slog.Value { return slog.StringValue(s.Redacted()) }
