package source

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Spec{
		"v4l2:/dev/video0": {Kind: KindV4L2, Address: "/dev/video0"},
		"v4l2:/dev/video0?width=1280&height=720&fps=29.97&format=mjpg": {Kind: KindV4L2, Address: "/dev/video0", Width: 1280, Height: 720, FPS: 29.97, PixelFormat: "MJPG"},
		"file:/a b/ü.mp4?loop=1":                                       {Kind: KindFile, Address: "/a b/ü.mp4", Loop: true},
		"file:///a.mp4":                                                {Kind: KindFile, Address: "///a.mp4"},
		"file:what?.mp4?loop=0":                                        {Kind: KindFile, Address: "what?.mp4"},
		"images:.?fps=0.5&loop=true":                                   {Kind: KindImages, Address: ".", FPS: 0.5, Loop: true},
		"test:":                                                        {Kind: KindTest},
		"test:?width=320&height=240":                                   {Kind: KindTest, Width: 320, Height: 240},
		"http://u:p%40%2F%23@cam.local:8080/v?a=b&width=5":             {Kind: KindHTTP, Address: "http://u:p%40%2F%23@cam.local:8080/v?a=b&width=5"},
		"HTTPS://[fe80::1]/":                                           {Kind: KindHTTPS, Address: "HTTPS://[fe80::1]/"},
		"rtsp://admin:p:w@10.0.0.2/user=a&password=b":                  {Kind: KindRTSP, Address: "rtsp://admin:p:w@10.0.0.2/user=a&password=b"},
		"rtsps://cam":                                                  {Kind: KindRTSPS, Address: "rtsps://cam"},
		"opencv:v4l2src ! video/x-raw, width=640 ! appsink":            {Kind: KindOpenCV, Address: "v4l2src ! video/x-raw, width=640 ! appsink"},
		"opencv:0": {Kind: KindOpenCV, Address: "0"},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got != want {
			t.Errorf("%s: %s", text, cmp.Diff(want, got))
		}
	}
}

// Every refusal is one line that says what was wrong, and shows nothing secret.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                             `unknown kind ""`,
		"/dev/video0":                  `unknown kind "/dev/video0": use v4l2:`,
		"ftp://x/hunter2":              `unknown kind "ftp"`,
		"user@hunter2:x":               `unknown kind "…"`,
		"v4l2:":                        `nothing after "v4l2:"`,
		"file:?loop=1":                 `nothing after "file:"`,
		"opencv:":                      `nothing after "opencv:"`,
		"opencv:a\x00b":                "NUL",
		"test:640x480":                 "takes parameters only",
		"v4l2:/dev/video0?widht=5":     `unknown parameter "widht": v4l2 takes width, height, fps, format`,
		"test:?loop=1":                 `unknown parameter "loop"`,
		"v4l2:/dev/video0?width=640":   "width and height go together",
		"test:?width=15&height=480":    `width="15": want pixels, 16 to 16384`,
		"test:?width=1e3&height=480":   "want pixels",
		"test:?width=-640&height=480":  "want pixels",
		"test:?fps=NaN":                "want frames per second",
		"test:?fps=0":                  "want frames per second",
		"test:?fps=1e-300":             "want frames per second",
		"test:?fps=Inf":                "want frames per second",
		"file:a?loop=perhaps":          "want 1 or 0",
		"v4l2:a?format=MJPEG":          "want a FOURCC",
		"v4l2:a?format=a%0ab%00":       "want a FOURCC",
		"file:a?%zz":                   "cannot read the parameters",
		"file:a\nb":                    "control character",
		"file:rtsp://u:hunter2@h/":     "takes a path: give an URL by itself",
		"images:http://u:hunter2@h/?x": "takes a path",
		"http:cam.local/hunter2":       "is not an URL with a host",
		"http:///hunter2":              "is not an URL with a host",
		"http://u:hunter2@:80/":        "is not an URL with a host",
		"http://u:hun%ter2@h/":         "is not an URL with a host (in a user name or password write '%' as %25",
		"http://u:12#hunter2@h/":       "has a '#' in it",
		"http://h/#":                   "has a '#' in it",
		"http://u:12/hunter2@h/":       "has an '@' after the host",
		"http://u:12?hunter2@h/":       "has an '@' after the host",
		"http://u:x@hun/hunter2@h/":    "has an '@' after the host",
		"http://u:hun/ter2@h/":         "is not an URL with a host",
		"http://h:99999/hunter2":       "has a port that is not 1 to 65535",
		"http://h:0/":                  "has a port",
		"http://h/\nhunter2":           "is not an URL",
	} {
		spec, err := Parse(text)
		if !errors.Is(err, ErrSpec) {
			t.Errorf("%q: %+v, %v; want an ErrSpec", text, spec, err)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %q, want %q in it", text, err, want)
		}
		for _, secret := range []string{"hunter2", "hun", "ter2", "\n"} {
			if strings.Contains(strings.ReplaceAll(err.Error(), "pixels, 16", ""), secret) {
				t.Errorf("%q: error %q shows %q", text, err, secret)
			}
		}
		if spec != (Spec{}) {
			t.Errorf("%q: a refused source is %+v", text, spec)
		}
	}
}

// FuzzParseSpec checks that no source crashes the parser or its printing, that what is accepted is
// within bounds, and that the user information of an URL never shows.
func FuzzParseSpec(f *testing.F) {
	seeds, err := os.ReadFile("testdata/specs.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(seeds)) {
		f.Add(strings.TrimSuffix(line, "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrSpec) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q", err)
			}
			return
		}
		if _, known := spec.Kind.params(); !known {
			t.Fatalf("kind %q", string(spec.Kind))
		}
		if spec.Width < 0 || spec.Width > 16384 || (spec.Width == 0) != (spec.Height == 0) || spec.FPS < 0 || spec.FPS > 1000 {
			t.Fatalf("%dx%d, %v frames per second", spec.Width, spec.Height, spec.FPS)
		}
		shown := spec.Redacted()
		if !strings.HasPrefix(shown, string(spec.Kind)+":") {
			t.Fatalf("shown as %q", shown)
		}
		if !spec.Kind.isURL() {
			return
		}
		if strings.ContainsAny(shown, "@#") {
			t.Fatalf("%q is shown as %q", text, shown)
		}
		if scrubbed := spec.Scrub(`Get "` + text + `": dial`); strings.Contains(scrubbed, text) && text != shown {
			t.Fatalf("%q scrubbed is %q", text, scrubbed)
		}
	})
}
