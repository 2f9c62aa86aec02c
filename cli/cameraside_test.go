package cli

import "testing"

func TestStateFolder(t *testing.T) {
	for _, test := range []struct {
		flag string
		env  map[string]string
		want string
	}{
		{"here", map[string]string{"STATE_DIRECTORY": "/var/lib/lensbus"}, "here"},
		{"", map[string]string{"STATE_DIRECTORY": "/var/lib/lensbus", "XDG_STATE_HOME": "/s"}, "/var/lib/lensbus"},
		{"", map[string]string{"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"},
		{"", map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/lensbus/cameras"},
		{"", map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/lensbus/cameras"},
		{"", map[string]string{}, ""},
	} {
		env := func(name string) string { return test.env[name] }
		if got := (controlFlags{State: test.flag}).folder(env); got != test.want {
			t.Errorf("--state %q, %v: %q, want %q", test.flag, test.env, got, test.want)
		}
	}
}

func TestSemanticVersion(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.3":                    "1.2.3",
		"1.2.3":                     "1.2.3",
		"v1.2.3-4-g60358c2-dirty":   "1.2.3-4-g60358c2-dirty",
		"v2.0.0-rc.1+linux":         "2.0.0-rc.1+linux",
		"60358c2":                   "0.0.0-dev",
		"60358c2-dirty":             "0.0.0-dev",
		"devel":                     "0.0.0-dev",
		"":                          "0.0.0-dev",
		"v1.2":                      "0.0.0-dev",
		"v01.2.3":                   "0.0.0-dev",
		"v1.2.3-01":                 "0.0.0-dev",
		"v1.2.3\nNats-Service: own": "0.0.0-dev",
	} {
		if got := semantic(version); got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
}
