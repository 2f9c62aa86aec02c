package source

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The examples of RFC 7616, 3.9.1, and of RFC 2617, 3.5 without qop (RFC 2069's way).
func TestDigestExamples(t *testing.T) {
	const nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
	c := &credentials{user: "Mufasa", password: "Circle of Life"}
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		header := http.Header{"Www-Authenticate": {fmt.Sprintf(
			`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, nonce="%s", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`, algorithm, nonce)}}
		if stale, ok := c.accept(header); stale || !ok {
			t.Fatalf("%s: not accepted", algorithm)
		}
		c.count = 1
		got := c.digest("GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
		if !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: %s\nwant response %s", algorithm, got, want)
		}
	}
}

func TestParseChallenges(t *testing.T) {
	got := parseChallenges([]string{
		`Digest realm="a \"b\", c", nonce=abc, qop="auth,auth-int", stale=TRUE, Basic realm="x"`,
		`Negotiate`, `Newauth title="=", , bad`, `=`, `"`, `Digest nonce="open`,
	})
	want := []challenge{
		{"digest", map[string]string{"realm": `a "b", c`, "nonce": "abc", "qop": "auth,auth-int", "stale": "TRUE"}},
		{"basic", map[string]string{"realm": "x"}},
		{"negotiate", map[string]string{}},
		{"newauth", map[string]string{"title": "="}},
		{"bad", map[string]string{}},
		{"digest", map[string]string{"nonce": "open"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(challenge{})); diff != "" {
		t.Error(diff)
	}
}

// checkDigest is a camera's side of RFC 7616, written apart from ours: true for the right answer to
// nonce with the count of requests expected.
func checkDigest(r *http.Request, newHash func() hash.Hash, nonce string, count int64) bool {
	fields := map[string]string{}
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	if !ok {
		return false
	}
	for field := range strings.SplitSeq(text, ", ") {
		name, value, _ := strings.Cut(field, "=")
		fields[name] = strings.ReplaceAll(strings.Trim(value, `"`), `\"`, `"`)
	}
	sum := func(s string) string {
		h := newHash()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	want := sum(sum(cameraUser+":the camera:"+cameraPassword) + ":" + nonce + ":" + fields["nc"] + ":" + fields["cnonce"] + ":auth:" + sum("GET:"+r.RequestURI))
	return fields["nonce"] == nonce && fields["username"] == cameraUser && fields["uri"] == r.RequestURI &&
		fields["nc"] == fmt.Sprintf("%08x", count) && fields["response"] == want
}

func TestHTTPLogin(t *testing.T) {
	pic := noiseJPEG(t, 1, 16)
	digest := func(algorithm, nonce string) string {
		return fmt.Sprintf(`Digest realm="the camera", qop="auth", algorithm=%s, nonce="%s"`, algorithm, nonce)
	}
	basic := func(r *http.Request) bool {
		user, password, ok := r.BasicAuth()
		return ok && user == cameraUser && password == cameraPassword
	}
	tests := []struct {
		name       string
		challenges []string
		check      func(*http.Request, int64) bool
	}{
		{"Basic", []string{`Basic realm="the camera"`}, func(r *http.Request, _ int64) bool { return basic(r) }},
		{"Digest MD5", []string{digest("MD5", "n")}, func(r *http.Request, n int64) bool { return checkDigest(r, md5.New, "n", n) }},
		{"Digest SHA-256", []string{digest("SHA-256", "n")}, func(r *http.Request, n int64) bool { return checkDigest(r, sha256.New, "n", n) }},
		{"the strongest of all", []string{`Basic realm="the camera", ` + digest("MD5", "m"), digest("SHA-256", "n"), digest("ROT-13", "r")}, func(r *http.Request, n int64) bool {
			return !basic(r) && checkDigest(r, sha256.New, "n", n)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var good, refused atomic.Int64
			address := camera(t, func(w http.ResponseWriter, r *http.Request) {
				if !test.check(r, good.Load()+1) {
					refused.Add(1)
					w.Header()["Www-Authenticate"] = test.challenges
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				good.Add(1)
				w.Header().Set("Content-Type", "image/jpeg")
				_, _ = w.Write(pic)
			}) + "/still.jpg?size=1"
			spec, err := Parse(withLogin(address))
			if err != nil {
				t.Fatal(err)
			}
			spec.FPS = 100
			src, err := OpenHTTP(t.Context(), spec, Env{})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				mustNext(t, src)
			}
			_ = src.Close()
			if n := refused.Load(); n != 1 {
				t.Errorf("%d requests were refused, want only the first", n)
			}

			spec.Address = strings.Replace(spec.Address, cameraUser, "somebody", 1)
			if _, err := OpenHTTP(t.Context(), spec, Env{}); err == nil || !strings.Contains(err.Error(), "refuses the user name and password") {
				t.Errorf("somebody else: %v", err)
			}
			if _, err := openURL(t, address, Env{}); err == nil || !strings.Contains(err.Error(), "wants a user name and a password") {
				t.Errorf("without a login: %v", err)
			}
		})
	}
}

// A nonce that the camera has forgotten is not a wrong password.
func TestHTTPLoginStaleNonce(t *testing.T) {
	for _, stale := range []string{"true", "false"} {
		var served, changes atomic.Int64
		address := camera(t, func(w http.ResponseWriter, r *http.Request) {
			nonce := fmt.Sprintf("nonce%d", served.Load()/3) // three requests each
			if !checkDigest(r, md5.New, nonce, served.Load()%3+1) {
				changes.Add(1)
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="the camera", qop="auth", nonce="%s", stale=%s`, nonce, stale))
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			served.Add(1)
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(noiseJPEG(t, 1, 16))
		})
		src := openAt(t, withLogin(address), 200)
		for range 8 {
			mustNext(t, src)
		}
		_ = src.Close()
		if n := changes.Load(); n < 3 {
			t.Errorf("the nonce changed %d times only", n)
		}
	}
}

// Credentials go to the camera's own address only.
func TestHTTPRedirects(t *testing.T) {
	pic := noiseJPEG(t, 1, 16)
	leaked := make(chan string, 10)
	other := camera(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "" {
			leaked <- got
		}
		if r.URL.Path == "/login" {
			w.Header().Set("WWW-Authenticate", `Basic realm="phishing"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(pic)
	})
	address := camera(t, func(w http.ResponseWriter, r *http.Request) {
		if user, _, ok := r.BasicAuth(); !ok || user != cameraUser {
			w.Header().Set("WWW-Authenticate", `Basic realm="the camera"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other+"/pic", http.StatusFound)
		case "/trap":
			http.Redirect(w, r, other+"/login", http.StatusTemporaryRedirect)
		case "/home":
			http.Redirect(w, r, "/pic", http.StatusMovedPermanently)
		default:
			w.Header().Set("Content-Type", "image/jpeg")
			_, _ = w.Write(pic)
		}
	})
	for _, path := range []string{"/home", "/away"} {
		mustNext(t, mustOpenURL(t, withLogin(address+path), Env{}))
	}
	if _, err := openURL(t, withLogin(address+"/trap"), Env{}); err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("another host that wants a login: %v", err)
	}
	select {
	case got := <-leaked:
		t.Errorf("another host was sent %q", got)
	default:
	}
}
