package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A camera's challenge may be anything: what is answered is one line of a header, and never the password.
func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="x", nonce="abc", qop="auth,auth-int", algorithm=SHA-256, opaque="o"`)
	f.Add(`Basic realm="a", Digest nonce=1, algorithm=MD5-sess, userhash=true`)
	f.Add("Digest realm=\"\\\"\r\nX: y\", nonce=\"\x00\", qop")
	f.Fuzz(func(t *testing.T, header string) {
		const password = "planted-password"
		c := &credentials{user: "user", password: password}
		if _, ok := c.accept(http.Header{"Www-Authenticate": {header}}); !ok {
			return
		}
		r, err := http.NewRequest(http.MethodGet, "http://camera.example/video", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.authorize(r)
		switch answer := r.Header.Get("Authorization"); {
		case c.asked.scheme == "basic":
		case !strings.HasPrefix(answer, "Digest "):
			t.Errorf("answered %q", answer)
		case strings.ContainsAny(answer, "\r\n"), strings.Contains(answer, password):
			t.Errorf("the answer %q", answer)
		}
	})
}

// wire is a camera that answers every request with the same bytes.
type wire []byte

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.ReadResponse(bufio.NewReader(io.LimitReader(bytes.NewReader(w), 1<<20)), r)
}

// What a camera answers over HTTP, headers, redirects, challenges and bodies, ends in an error or in bytes of
// the size that was allowed.
func FuzzHTTPAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\n\xff\xd8\xff\xd9"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=--x\r\n\r\n--x\r\nContent-Length: 4\r\n\r\n\xff\xd8\xff\xd9\r\n--x--\r\n"))
	f.Add([]byte("HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 302 Go\r\nLocation: http://other.example/x\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 304 Same\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		camera, err := newHTTPCamera("http://user:planted-password@camera.example/video?key=planted-key", wire(data))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		a, err := camera.get(ctx, http.Header{"If-None-Match": {"x"}})
		if err != nil {
			if strings.Contains(err.Error(), "planted-password") {
				t.Errorf("the password in an error: %v", err)
			}
			return
		}
		defer a.body.Close()
		if !a.stream {
			return
		}
		const most = 1 << 10
		m := newMultipartReader(a.body, a.boundary, most)
		m.dropped, m.lied, m.now = func(string) {}, func() {}, time.Now
		for {
			pic, err := m.next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && strings.Contains(err.Error(), "planted") {
					t.Errorf("a secret in an error: %v", err)
				}
				return
			}
			if len(pic.Data) > most {
				t.Errorf("a picture of %d bytes", len(pic.Data))
			}
		}
	})
}
