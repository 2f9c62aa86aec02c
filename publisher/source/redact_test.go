package source

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) Spec {
	t.Helper()
	spec, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestRedacted(t *testing.T) {
	for text, want := range map[string]string{
		"http://u:hunter2@cam.local:8080/v.mjpg?token=abc": "http://cam.local:8080/v.mjpg?…",
		"https://u@cam/":          "https://cam/",
		"rtsp://10.0.0.2/stream1": "rtsp://10.0.0.2/stream1",
		"rtsp://10.0.0.2/user=admin&password=hunter2&channel=1.sdp":                                      "rtsp://10.0.0.2/user=admin&password=…",
		"opencv:rtsp://u:hunter2@cam/x?y=z":                                                              "opencv:rtsp://…@cam/x?…",
		"opencv:rtsp://u:h/un@t?er2@cam/x":                                                               "opencv:rtsp://…@cam/x",
		`opencv:rtspsrc location=rtsp://cam/x user-id=me user-pw="hun ter2" ! appsink`:                   `opencv:rtspsrc location=rtsp://cam/x user-id=… user-pw=… ! appsink`,
		"opencv:souphttpsrc location=http://cam user_pw=hun!ter2 api_key='a b' access_token=x ! appsink": "opencv:souphttpsrc location=http://cam user_pw=… api_key=… access_token=… ! appsink",
		"v4l2:/dev/video0?width=640&height=480":                                                          "v4l2:/dev/video0",
		"file:/a/b.mp4?loop=1":                                                                           "file:/a/b.mp4",
		"test:":                                                                                          "test:",
	} {
		if got := parse(t, text).Redacted(); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// No way of printing a Spec, or something that holds one, shows its secrets.
func TestSpecPrintsSafely(t *testing.T) {
	spec := parse(t, "http://operator:hunter2@cam/v?token=abcdef")
	type camera struct {
		Name   string
		Source Spec
		Ptr    *Spec
	}
	var printed []string
	for _, value := range []any{spec, &spec, camera{"front", spec, nil}, &camera{"front", spec, &spec}, []Spec{spec}, map[string]Spec{"a": spec}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
			if strings.HasPrefix(verb, "%T") {
				printed = append(printed, fmt.Sprintf(verb, value, value))
				continue
			}
			printed = append(printed, fmt.Sprintf(verb, value))
		}
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, string(data), fmt.Sprint(value))
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var log bytes.Buffer
			slog.New(handler(&log)).Info("opened", "source", value)
			printed = append(printed, log.String())
		}
	}
	for _, text := range printed {
		for _, secret := range []string{"operator", "hunter2", "token", "abcdef"} {
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s shows %q", text, secret)
			}
		}
	}
	if got := fmt.Sprintf("%v %q", spec, spec); got != `http://cam/v?… "http://cam/v?…"` {
		t.Errorf("printed as %s", got)
	}
}

// A password is found in every form in which a library may quote it.
func TestScrubFindsEveryForm(t *testing.T) {
	for _, password := range []string{"hunter2", "p@ss/word", `quo"te\back`, "ünï cödé", "100%sure", "a:b:c", "x+y=z&w", "tab\tand\x01", "semi;colon,comma", "$(HOME)~'*!"} {
		u := url.URL{Scheme: "http", User: url.UserPassword("operator", password), Host: "cam.local:8080", Path: "/v", RawQuery: "session=" + url.QueryEscape(password+"-token")}
		for _, kind := range []string{"", "opencv:"} {
			spec := parse(t, kind+u.String())
			raw, _, _ := strings.Cut(strings.TrimPrefix(u.String(), "http://operator:"), "@cam.local")
			forms := []string{
				u.String(), strconv.Quote(u.String()), raw, strings.ToLower(raw), password, strconv.Quote(password),
				url.QueryEscape(password), url.PathEscape(password), url.UserPassword("operator", password).String(),
				"operator:" + password, base64.StdEncoding.EncodeToString([]byte("operator:" + password)),
				password + "-token", url.QueryEscape(password + "-token"), u.RawQuery,
				"http://other:" + "x@host/", // somebody else's, as a redirect may show
			}
			for _, form := range forms {
				got := spec.Scrub("cannot open [" + form + "] at all")
				for _, part := range []string{password, raw, strings.ToLower(raw), "operator", "other", base64.StdEncoding.EncodeToString([]byte("operator:" + password))} {
					if strings.Contains(got, part) {
						t.Errorf("%s%s: %q still shows %q: %s", kind, spec, form, part, got)
					}
				}
				if !strings.HasPrefix(got, "cannot open [") {
					t.Errorf("the message around %q is gone: %q", form, got)
				}
			}
		}
	}
}

func TestScrubLeavesTheRest(t *testing.T) {
	spec := parse(t, "rtsp://operator:hunter2@cam.local/stream1")
	for text, want := range map[string]string{
		"cannot open rtsp://operator:hunter2@cam.local/stream1: 401": "cannot open rtsp://cam.local/stream1: 401",
		"dial tcp 10.0.0.2:554: connection refused":                  "dial tcp 10.0.0.2:554: connection refused",
		"":                     "",
		"user-pw=hunter3 here": "user-pw=… here",
	} {
		if got := spec.Scrub(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := parse(t, "test:").Scrub("nothing to hide"); got != "nothing to hide" {
		t.Errorf("became %q", got)
	}
}

func TestScrubError(t *testing.T) {
	spec := parse(t, "http://operator:hunter2@127.0.0.1:1/v?token=abcdef")
	_, err := http.Get(spec.Address) //nolint:bodyclose // nobody listens on port 1
	if err == nil {
		t.Skip("somebody listens on port 1 of this machine")
	}
	scrubbed := spec.ScrubError(fmt.Errorf("opening %s: %w", spec.Address, err))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{scrubbed, fmt.Errorf("camera front: %w", scrubbed), errors.Join(scrubbed, scrubbed)} {
			text := fmt.Sprintf(verb, value)
			for _, secret := range []string{"hunter2", "operator", "abcdef"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T: %s", verb, value, text)
				}
			}
		}
	}
	if _, ok := errors.AsType[*url.Error](scrubbed); !ok {
		t.Error("errors.As does not see through")
	}
	if got := spec.ScrubError(fs.ErrNotExist); got != fs.ErrNotExist {
		t.Errorf("an error without secrets became %v", got)
	}
	if spec.ScrubError(nil) != nil {
		t.Error("nil became an error")
	}
}
