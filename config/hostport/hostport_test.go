package hostport_test

import (
	"testing"

	"github.com/lensbus/lensbus/config/hostport"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.8.9.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "192.0.2.1": false, "example.org": false,
		"localhost.example.org": false, "LOCALHOST": false, "127.0.0.1:80": false,
	} {
		if got := hostport.Loopback(host); got != want {
			t.Errorf("only this machine reaches %q: %v, want %v", host, got, want)
		}
	}
}

func TestCalled(t *testing.T) {
	for header, want := range map[string]string{
		"example.org": "example.org", "Example.ORG:8080": "example.org", "192.0.2.1:80": "192.0.2.1",
		"[::1]:8080": "::1", "[::1]": "::1", "::1": "::1", "": "", ":8080": "",
	} {
		if got := hostport.Called(header); got != want {
			t.Errorf("%q calls it %q, want %q", header, got, want)
		}
	}
}
