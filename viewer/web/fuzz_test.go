package web

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// A request may be anything. Without a person's own secret in it, nothing of a camera is reached; with
// one, nothing of a camera that is not that person's.
func FuzzRequest(f *testing.F) {
	people := filepath.Join(f.TempDir(), "people")
	token, err := login.Add(people, login.Person{Name: "grafana", Cameras: []frame.CameraID{"front"}}, true)
	if err != nil {
		f.Fatal(err)
	}
	door, err := login.New(people, nil)
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{cfg: Config{Hosts: []string{"cameras.example.org"}}.OrDefaults(), metrics: newMetrics(), door: door, visits: make(map[*visit]struct{})}
	s.authorise = s.authorised
	var reached frame.CameraID
	mux := http.NewServeMux()
	camera := s.named(func(_ http.ResponseWriter, _ *http.Request, id frame.CameraID) { reached = id })
	for _, pattern := range []string{"GET /cameras/{id}/snapshot.jpg", "GET /api/cameras/{id}", "POST /api/cameras/{id}/settings", "GET /cameras/{id}/export.mp4"} {
		mux.Handle(pattern, camera)
	}
	mux.HandleFunc("GET /api/cameras", func(http.ResponseWriter, *http.Request) { reached = "every" })
	mux.Handle("GET /metrics", s.everything(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = "every" })))
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	handler := s.guard(http.NewCrossOriginProtection().Handler(s.identify(mux)))

	const end = " HTTP/1.1\r\nHost: localhost\r\n"
	f.Add([]byte("GET /cameras/front/snapshot.jpg" + end + "Authorization: Bearer TOKEN\r\n\r\n"))
	f.Add([]byte("GET /cameras/yard/snapshot.jpg" + end + "Authorization: Bearer TOKEN\r\n\r\n"))
	f.Add([]byte("GET //cameras/front/./snapshot.jpg" + end + "Cookie: lensbus=TOKEN; lensbus=x\r\n\r\n"))
	f.Add([]byte("GET /%63ameras/fr%6fnt%2f..%2fyard/snapshot.jpg" + end + "Authorization: bearer \r\n\r\n"))
	f.Add([]byte("POST /api/cameras/front/settings" + end + "Authorization: Bearer TOKEN\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("GET http://evil.example/api/cameras HTTP/1.1\r\nHost: evil.example\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.ReplaceAll(data, []byte("TOKEN"), []byte(token)))))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1234"
		reached = ""
		handler.ServeHTTP(httptest.NewRecorder(), r)
		secret := r.Header.Get("Authorization") == "Bearer "+token
		switch {
		case reached == "":
		case !secret:
			t.Errorf("%q reaches camera %q with %q", r.URL, reached, r.Header)
		case reached != "front" && reached != "every":
			t.Errorf("%q reaches camera %q", r.URL, reached)
		case reached == "every" && r.URL.Path != "/api/cameras":
			t.Errorf("%q reaches what is of every camera", r.URL)
		case reached == "front" && r.Method != http.MethodGet && r.Method != http.MethodHead:
			t.Errorf("%s %q of who may only watch", r.Method, r.URL)
		}
	})
}

// A stretch of time in an address is an error of one short line, or a stretch.
func FuzzPeriod(f *testing.F) {
	f.Add("2026-11-22T10:00:00Z", "-90s")
	f.Add("-9223372036854775808ns", "9999-12-31T23:59:59.999999999+23:59")
	f.Add("-1e9h", "\x00\n")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, from, to string) {
		first, last, err := period(map[string][]string{"from": {from}, "to": {to}}, now)
		if err != nil {
			if len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("%q", err)
			}
			return
		}
		if err := (frame.RangesRequest{From: first, To: last}).Check(); err != nil {
			t.Errorf("%s to %s: %v", first, last, err)
		}
	})
}
