package source

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
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

// Parse reads a SOURCE as it stands on a command line or in a configuration file. Its errors wrap
// [ErrSpec] and show no credentials.
func Parse(text string) (Spec, error) {
	kind, rest, ok := strings.Cut(text, ":")
	spec := Spec{Kind: Kind(kind)}
	allowed, known := spec.Kind.params()
	if !ok || !known {
		return Spec{}, fmt.Errorf("%w: unknown kind %.20q: use v4l2:, file:, http(s)://, rtsp(s)://, images:, test: or opencv:", ErrSpec, kind)
	}
	switch spec.Kind {
	case KindHTTP, KindHTTPS, KindRTSP, KindRTSPS:
		u, err := url.Parse(text)
		if err != nil || u.Host == "" { // url.Parse's error would show the whole URL
			return Spec{}, fmt.Errorf("%w: %s:… is not an URL with a host (a '%%', '#' or '@' in a password is written %%25, %%23, %%40)", ErrSpec, kind)
		}
		spec.Address = text
		return spec, nil
	case KindOpenCV:
		spec.Address = rest
	default:
		path, query, hasQuery := cutLast(rest, '?')
		spec.Address = path
		if hasQuery {
			if err := spec.setParams(query, allowed); err != nil {
				return Spec{}, err
			}
		}
	}
	if spec.Address == "" && spec.Kind != KindTest {
		return Spec{}, fmt.Errorf("%w: nothing after %q", ErrSpec, kind+":")
	}
	return spec, nil
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func (s *Spec) setParams(query string, allowed []string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: %s:%s: parameters %q: %v", ErrSpec, s.Kind, s.Address, query, err)
	}
	for name, v := range values {
		if !slices.Contains(allowed, name) {
			return fmt.Errorf("%w: %s:%s: unknown parameter %q: %s takes %s", ErrSpec, s.Kind, s.Address, name, s.Kind, strings.Join(allowed, ", "))
		}
		if err := s.setParam(name, v[len(v)-1]); err != nil {
			return fmt.Errorf("%w: %s:%s: %s=%s: %v", ErrSpec, s.Kind, s.Address, name, v[len(v)-1], err)
		}
	}
	if (s.Width == 0) != (s.Height == 0) {
		return fmt.Errorf("%w: %s:%s: width and height go together", ErrSpec, s.Kind, s.Address)
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
		if err != nil || !(s.FPS > 0 && s.FPS <= 1000) { // written so that NaN fails
			err = errors.New("want frames per second, over 0 up to 1000")
		}
	case "format":
		s.PixelFormat = strings.ToUpper(value)
		if len(s.PixelFormat) != 4 {
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
	if err != nil || n < 16 || n > 16384 {
		return 0, errors.New("want pixels, 16 to 16384")
	}
	return n, nil
}
