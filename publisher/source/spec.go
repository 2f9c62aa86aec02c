package source

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ErrSpec is wrapped by every error that [Parse] returns.
var ErrSpec = errors.New("bad source")

// Kind is the part of a source before the first colon.
type Kind string

// The kinds of source.
const (
	KindV4L2   Kind = "v4l2"   // v4l2:/dev/video0[?width=&height=&fps=&format=]
	KindFile   Kind = "file"   // file:PATH[?loop=1]
	KindHTTP   Kind = "http"   // http://…, MJPEG stream or still
	KindHTTPS  Kind = "https"  // https://…
	KindRTSP   Kind = "rtsp"   // rtsp://…
	KindRTSPS  Kind = "rtsps"  // rtsps://…
	KindImages Kind = "images" // images:DIR[?fps=&loop=]
	KindTest   Kind = "test"   // test:[?width=&height=&fps=]
	KindOpenCV Kind = "opencv" // opencv:ANYTHING that VideoCapture opens
)

// params returns the parameters that a kind takes after '?', and whether there is such a kind. The
// URLs of http and rtsp have none of ours: all of the address is the camera's.
func (k Kind) params() ([]string, bool) {
	switch k {
	case KindV4L2:
		return []string{"width", "height", "fps", "format"}, true
	case KindFile:
		return []string{"loop"}, true
	case KindImages:
		return []string{"fps", "loop"}, true
	case KindTest:
		return []string{"width", "height", "fps"}, true
	case KindHTTP, KindHTTPS, KindRTSP, KindRTSPS, KindOpenCV:
		return nil, true
	}
	return nil, false
}

// isURL tells whether the address of this kind is a whole URL, scheme included.
func (k Kind) isURL() bool {
	return k == KindHTTP || k == KindHTTPS || k == KindRTSP || k == KindRTSPS
}

// Spec is a source as it was asked for. Its address may hold credentials: printed, logged or
// formatted in any way it shows [Spec.Redacted].
type Spec struct {
	Kind Kind
	// Address is what the kind opens: a device, a path, a whole URL, a pipeline. Secret.
	Address string

	Width, Height int     // pixels asked for; 0: the device's choice
	FPS           float64 // frames per second asked for; 0: the device's choice
	PixelFormat   string  // pixel format asked for, as a FOURCC: MJPG, YUYV, …; "": the device's choice
	Loop          bool    // begin again at the end
}

// The widths and heights that can be asked for, in pixels.
const (
	LeastSide = 16
	MostSide  = 16384
)

// Parse reads a SOURCE as it stands on a command line or in a configuration file. Its errors wrap
// [ErrSpec] and show no credentials.
func Parse(text string) (Spec, error) {
	kind, rest, ok := strings.Cut(text, ":")
	spec := Spec{Kind: Kind(strings.ToLower(kind))} // schemes of URLs are written in any case
	allowed, known := spec.Kind.params()
	if !ok || !known {
		if strings.Contains(kind, "@") { // part of an URL without its scheme, with a password perhaps
			kind = "…"
		}
		return Spec{}, fmt.Errorf("%w: unknown kind %.20q: use v4l2:, file:, http(s)://, rtsp(s)://, images:, test: or opencv:…", ErrSpec, kind)
	}
	switch {
	case spec.Kind.isURL():
		if err := checkURL(text); err != nil {
			return Spec{}, fmt.Errorf("%w: %s:… %w", ErrSpec, spec.Kind, err)
		}
		spec.Address = text
		return spec, nil
	case spec.Kind == KindOpenCV:
		if strings.ContainsRune(rest, 0) { // it would end there for OpenCV
			return Spec{}, fmt.Errorf("%w: opencv:… has a NUL character in it", ErrSpec)
		}
		spec.Address = rest
	default:
		path, query, hasQuery := cutLast(rest, '?')
		if err := checkPath(path); err != nil {
			return Spec{}, fmt.Errorf("%w: %s:… %w", ErrSpec, spec.Kind, err)
		}
		spec.Address = path
		if hasQuery {
			if err := spec.setParams(query, allowed); err != nil {
				return Spec{}, fmt.Errorf("%w: %s:%s: %w", ErrSpec, spec.Kind, path, err)
			}
		}
	}
	switch {
	case spec.Kind == KindTest && spec.Address != "":
		return Spec{}, fmt.Errorf("%w: test: takes parameters only, such as test:?width=640&height=480&fps=15", ErrSpec)
	case spec.Kind != KindTest && spec.Address == "":
		return Spec{}, fmt.Errorf("%w: nothing after %q", ErrSpec, kind+":")
	}
	return spec, nil
}

// checkPath refuses what cannot be a path or would break a line of a log.
func checkPath(path string) error {
	if strings.Contains(path, "://") { // which may hold credentials, and a path is shown
		return errors.New("takes a path: give an URL by itself, or as opencv:URL")
	}
	if strings.ContainsFunc(path, unicode.IsControl) {
		return errors.New("has a control character in its path")
	}
	return nil
}

// checkURL refuses what url.Parse takes for something else than was meant: a '#', '/', '?' or '@'
// in a password makes the rest of the password a path and the user name a host. Its errors show
// nothing of the URL.
func checkURL(text string) error {
	const escape = "(in a user name or password write '%' as %25, '#' as %23, '/' as %2F, '?' as %3F, '@' as %40)"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return errors.New("is not an URL with a host " + escape)
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("has a '#' in it " + escape)
	case strings.Contains(u.EscapedPath()+u.RawQuery, "@"):
		return errors.New("has an '@' after the host " + escape)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("has a port that is not 1 to 65535 " + escape)
		}
	}
	return nil
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// setParams reads the parameters after '?'. Its errors do not name the source.
func (s *Spec) setParams(query string, allowed []string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("cannot read the parameters %.80q", query)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("unknown parameter %.40q: %s takes %s", name, s.Kind, strings.Join(allowed, ", "))
		}
		value := values[name][len(values[name])-1]
		if err := s.setParam(name, value); err != nil {
			return fmt.Errorf("%s=%.40q: %w", name, value, err)
		}
	}
	if (s.Width == 0) != (s.Height == 0) {
		return errors.New("width and height go together")
	}
	return nil
}

func (s *Spec) setParam(name, value string) (err error) {
	switch name {
	case "width":
		s.Width, err = pixels(value)
	case "height":
		s.Height, err = pixels(value)
	case "fps":
		s.FPS, err = strconv.ParseFloat(value, 64)
		if err != nil || !(s.FPS >= 0.001 && s.FPS <= 1000) { // written so that NaN fails
			err = errors.New("want frames per second, 0.001 to 1000")
		}
	case "format":
		s.PixelFormat = strings.ToUpper(value)
		if len(s.PixelFormat) != 4 || strings.ContainsFunc(s.PixelFormat, func(r rune) bool { return r < ' ' || r > '~' }) {
			err = errors.New("want a FOURCC of four characters, such as MJPG or YUYV")
		}
	case "loop":
		s.Loop, err = strconv.ParseBool(value)
		if err != nil {
			err = errors.New("want 1 or 0")
		}
	}
	return err
}

func pixels(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < LeastSide || n > MostSide {
		return 0, fmt.Errorf("want pixels, %d to %d", LeastSide, MostSide)
	}
	return n, nil
}

// Remote says whether the camera is reached over a network, where opening it again and again
// costs somebody else.
func (s Spec) Remote() bool {
	switch s.Kind {
	case KindHTTP, KindHTTPS, KindRTSP, KindRTSPS, KindOpenCV:
		return true
	}
	return false
}

// Still says whether the source may rightly show the same picture for long: a picture that is
// polled, or files.
func (s Spec) Still() bool {
	switch s.Kind {
	case KindHTTP, KindHTTPS, KindImages, KindFile:
		return true
	}
	return false
}
