package cli

import "testing"

func TestHealthURL(t *testing.T) {
	for _, c := range []struct {
		text string
		env  map[string]string
		want string
	}{
		{"", nil, "http://127.0.0.1:8080/readyz"},
		{"", map[string]string{"LENSBUS_METRICS_LISTEN": "0.0.0.0:9464", "LENSBUS_WEB_LISTEN": "0.0.0.0:1"}, "http://127.0.0.1:9464/readyz"},
		{"", map[string]string{"LENSBUS_WEB_LISTEN": "[::]:81"}, "http://127.0.0.1:81/readyz"},
		{"", map[string]string{"LENSBUS_WEB_LISTEN": ":81", "LENSBUS_AUTH": "/auth"}, "https://127.0.0.1:81/readyz"},
		{"192.0.2.1:5", map[string]string{"LENSBUS_WEB_LISTEN": ":81"}, "http://192.0.2.1:5/readyz"},
		{"https://cams.example.org/healthz", nil, "https://cams.example.org/healthz"},
		{"https://cams.example.org", nil, "https://cams.example.org/readyz"},
		{"ftp://cams.example.org", nil, ""},
		{"http://", nil, ""},
		{"http://a b", nil, ""},
	} {
		u, err := healthURL(c.text, func(name string) string { return c.env[name] })
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%q: %s, want an error", c.text, u)
		case c.want != "" && (err != nil || u.String() != c.want):
			t.Errorf("%q, %v: %v, %v, want %s", c.text, c.env, u, err, c.want)
		}
	}
}
