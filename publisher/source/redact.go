package source

import (
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Redacted is the source without anything that may be a credential: user information and query
// values of an URL are replaced, the rest stays so that people know which camera it is.
func (s Spec) Redacted() string {
	switch s.Kind {
	case KindHTTP, KindHTTPS, KindRTSP, KindRTSPS:
		u, err := url.Parse(s.Address)
		if err != nil {
			return string(s.Kind) + "://…"
		}
		shown := u.Scheme + "://" + u.Host + u.EscapedPath()
		if u.RawQuery != "" {
			shown += "?…"
		}
		return shown
	case KindOpenCV:
		return "opencv:" + redactText(s.Address)
	}
	return string(s.Kind) + ":" + s.Address
}

// Secrets are the strings that must not show in any log, error or page: see [Spec.Scrub].
func (s Spec) secrets() []string {
	var found []string
	add := func(text string) {
		if len(text) >= 3 { // shorter ones would blank out half of every message
			found = append(found, text)
		}
	}
	add(s.Address)
	if u, err := url.Parse(s.Address); err == nil {
		if u.User != nil {
			password, _ := u.User.Password()
			add(u.User.String())
			add(password)
			add(url.QueryEscape(password))
			add(u.User.Username())
		}
		for _, values := range u.Query() {
			for _, v := range values {
				add(v)
				add(url.QueryEscape(v))
			}
		}
		add(u.RawQuery)
	}
	// Longest first, so that no secret is left half-visible by a shorter one inside it.
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

// Scrub takes the source's credentials out of a text that a library wrote: OpenCV's, FFmpeg's and
// net/http's errors quote the URL they were given.
func (s Spec) Scrub(text string) string {
	switch s.Kind {
	case KindHTTP, KindHTTPS, KindRTSP, KindRTSPS:
		text = strings.ReplaceAll(text, s.Address, s.Redacted())
		for _, secret := range s.secrets() {
			text = strings.ReplaceAll(text, secret, "…")
		}
	case KindOpenCV:
		text = strings.ReplaceAll(text, s.Address, redactText(s.Address))
	}
	return redactText(text)
}

// ScrubError is err with its text scrubbed; errors.Is and As see through it.
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

// redactText replaces user information and queries of every URL in text, and the values of
// properties that are named like a secret (GStreamer's user-pw=… and its kin).
func redactText(text string) string {
	text = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^\s/"']*@`).ReplaceAllString(text, "${1}…@")
	text = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://[^\s?"']*\?)[^\s"'!]+`).ReplaceAllString(text, "${1}…")
	return regexp.MustCompile(`(?i)\b([a-z-]*(?:user-id|user-pw|passw(?:or)?d|passwd|pass|pwd|token|secret|api-?key)[a-z-]*\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s!&"']+)`).ReplaceAllString(text, "${1}…")
}

// String makes every way of printing a Spec a safe one.
func (s Spec) String() string { return s.Redacted() }

// Format keeps %#v and %+v from reaching into the fields.
func (s Spec) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.Redacted())) }

// LogValue makes a Spec safe as a slog attribute.
func (s Spec) LogValue() slog.Value { return slog.StringValue(s.Redacted()) }
