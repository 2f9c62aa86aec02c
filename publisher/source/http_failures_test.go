package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Everything that ends a source while it runs gives one line that names it, and is never io.EOF.
func TestHTTPFailures(t *testing.T) {
	pic := noiseJPEG(t, 1, 64)
	still := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(pic)
	}
	hijack := func(w http.ResponseWriter, text string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request, n int64)
		want    string
		// open and read are the time-outs, 30 s where a test is not about them: machines are slow.
		open, read time.Duration
	}{
		{"HTML", func(w http.ResponseWriter, _ *http.Request, _ int64) { _, _ = io.WriteString(w, "<html>hello</html>") }, "answers text/html, not a JPEG picture or an MJPEG stream", 0, 0},
		{"a type of control characters", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: a\tb\r\n\r\nhello")
		}, `answers "a\tb"`, 0, 0},
		{"bytes without a type", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "hello")
		}, "data without a type", 0, 0},
		{"not there", func(w http.ResponseWriter, _ *http.Request, _ int64) { w.WriteHeader(http.StatusNotFound) }, "answers 404 Not Found", 0, 0},
		{"never answers", func(_ http.ResponseWriter, r *http.Request, _ int64) { <-r.Context().Done() }, "no answer within 300ms", 300 * time.Millisecond, 0},
		{"hangs up", func(w http.ResponseWriter, _ *http.Request, _ int64) { hijack(w, "") }, "ended the connection", 0, 0},
		{"not HTTP", func(w http.ResponseWriter, _ *http.Request, _ int64) { hijack(w, "RTSP/1.0 200 OK\r\n\r\n") }, "malformed HTTP", 0, 0},
		{"redirects for ever", func(w http.ResponseWriter, r *http.Request, _ int64) {
			http.Redirect(w, r, "/again", http.StatusFound)
		}, "more than 5 redirects", 0, 0},
		{"redirects to a file", func(w http.ResponseWriter, r *http.Request, _ int64) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "not http or https", 0, 0},
		{"wants something else", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("WWW-Authenticate", "Negotiate")
			w.WriteHeader(http.StatusUnauthorized)
		}, "neither Basic nor Digest", 0, 0},
		{"refuses", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("WWW-Authenticate", `Basic realm="camera"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, "refuses the user name and password", 0, 0},
		{"stream without a picture", func(w http.ResponseWriter, r *http.Request, _ int64) {
			startStream(w)
			<-r.Context().Done()
		}, "no whole picture within 200ms", 0, 200 * time.Millisecond},
		{"stream of nonsense", func(w http.ResponseWriter, r *http.Request, _ int64) {
			startStream(w)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "--frame\r\n\r\nnonsense\r\n")
			}
		}, "no whole picture within 200ms", 0, 200 * time.Millisecond},
		{"stream that ends", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			startStream(w)
			writePart(w, pic)
		}, "the camera ended the stream", 0, 0},
		{"stream of a size that stops in mid-picture", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Length", "100000")
			startStream(w)
			_, _ = fmt.Fprintf(w, "--frame\r\nContent-Length: %d\r\n\r\n%s", len(pic), pic[:100])
		}, "in the middle of a picture", 0, 0},
		{"stream that stops in mid-picture", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			hijack(w, fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n--frame\r\nContent-Length: %d\r\n\r\n%s", len(pic), pic[:100]))
		}, "in the middle of a picture", 0, 0},
		{"stream that hangs in mid-picture", func(w http.ResponseWriter, r *http.Request, _ int64) {
			startStream(w)
			_, _ = fmt.Fprintf(w, "--frame\r\nContent-Length: %d\r\n\r\n%s", len(pic), pic[:100])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "no whole picture within 200ms", 0, 200 * time.Millisecond},
		{"still shorter than it says", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			hijack(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s", len(pic), pic[:100]))
		}, "in the middle of an answer", 0, 0},
		{"still that hangs", func(w http.ResponseWriter, r *http.Request, _ int64) {
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(pic[:100])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "no whole picture within 200ms", 0, 200 * time.Millisecond},
		{"still that is HTML the second time", func(w http.ResponseWriter, _ *http.Request, n int64) {
			if n == 0 {
				still(w)
			} else {
				_, _ = io.WriteString(w, "<html>please log in</html>")
			}
		}, "answers text/html", 0, 0},
		{"still that is gone the second time", func(w http.ResponseWriter, _ *http.Request, n int64) {
			if n == 0 {
				still(w)
			} else {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}, "answers 503 Service Unavailable", 0, 0},
		{"still that is no JPEG", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = io.WriteString(w, "GIF89a")
		}, "no usable picture: it does not begin with a JPEG's SOI", 0, 2 * time.Second},
		{"still that is too large", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(bytes.Repeat(pic, 100))
		}, "no usable picture: it is larger than 65536 bytes", 0, 2 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			address := camera(t, func(w http.ResponseWriter, r *http.Request) {
				test.handler(w, r, requests.Add(1)-1)
			}) + "/video?token=" + "hunter2secret"
			spec, err := Parse(withLogin(address))
			if err != nil {
				t.Fatal(err)
			}
			spec.FPS = 100
			var drops counter
			src, err := OpenHTTP(t.Context(), spec, Env{
				OpenTimeout: cmp.Or(test.open, 30*time.Second), ReadTimeout: cmp.Or(test.read, 30*time.Second),
				MaxBytes: 1 << 16, Dropped: drops.add,
			})
			for err == nil {
				if _, err = src.Next(t.Context()); err != nil {
					_ = src.Close()
				}
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if errors.Is(err, io.EOF) {
				t.Errorf("error %q is io.EOF: the publisher would take it for a proper end", err)
			}
			if host := address[:strings.Index(address, "/video")]; !strings.Contains(err.Error(), host) {
				t.Errorf("error %q does not name the camera %s", err, host)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
				text := fmt.Sprintf(verb, err)
				for _, secret := range []string{cameraUser, cameraPassword, "hunter2secret", url.QueryEscape(cameraPassword), url.UserPassword(cameraUser, cameraPassword).String()} {
					if strings.Contains(text, secret) || strings.Contains(text, "\n") {
						t.Errorf("error %s shows a credential or has more than a line", text)
					}
				}
			}
		})
	}
}
