package web

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/lensbus/lensbus/viewer/web/login"
)

// The page warns where others could listen in, and not on the machine itself, as where a container's port is
// published on its loopback.
func TestInsecure(t *testing.T) {
	t.Parallel()
	people := filepath.Join(t.TempDir(), "people")
	if _, err := login.Add(people, login.Person{Name: "bob", All: true}, true); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg          Config
		host, scheme string
		want         bool
	}{
		"of this machine alone":          {Config{}, "127.0.0.1:8080", "", false},
		"nobody is asked":                {Config{Listen: "0.0.0.0:8080", Insecure: true}, "cams.example", "", true},
		"nobody is asked, here":          {Config{Listen: "0.0.0.0:8080", Insecure: true}, "127.0.0.1:8080", "", true},
		"a password over the network":    {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people}, "cams.example:8080", "", true},
		"a password on this machine":     {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people}, "127.0.0.1:8080", "", false},
		"by its name":                    {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people}, "LOCALHOST", "", false},
		"by its other address":           {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people}, "[::1]:8080", "", false},
		"behind a proxy that encrypts":   {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people, TrustedProxies: []string{"192.0.2.1"}}, "cams.example", "https", false},
		"behind a proxy that does not":   {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people, TrustedProxies: []string{"192.0.2.1"}}, "cams.example", "http", true},
		"behind a proxy of somebody's":   {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people}, "cams.example", "https", true},
		"an unasked one behind a proxy":  {Config{Listen: "0.0.0.0:8080", Insecure: true, TrustedProxies: []string{"192.0.2.1"}}, "cams.example", "https", true},
		"a name that begins as loopback": {Config{Listen: "0.0.0.0:8080", Insecure: true, People: people}, "localhost.evil.example", "", true},
	} {
		b := testBed(t, c.cfg)
		r := httptest.NewRequest("GET", "/api/session", nil) // from 192.0.2.1
		r.Host = c.host
		if c.scheme != "" {
			r.Header.Set("X-Forwarded-Proto", c.scheme)
		}
		if got := b.server.insecure(r); got != c.want {
			t.Errorf("%s: insecure %v", name, got)
		}
	}
}
