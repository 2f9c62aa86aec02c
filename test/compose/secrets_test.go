//go:build compose

package compose

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
)

// mounted are the files in a service's volumes, by path; recordings and streams, which are large and change
// while they are read, left away.
func mounted(t *testing.T, s *stack, service string) map[string][]byte {
	t.Helper()
	c, ok := s.container(service)
	if !ok {
		t.Fatalf("%s has no container", service)
	}
	files := make(map[string][]byte)
	for _, m := range c.Mounts {
		if m.Type != "volume" || m.Destination == "/streams" || m.Destination == "/recordings" {
			continue
		}
		data, err := exec.CommandContext(t.Context(), "docker", "cp", c.ID+":"+m.Destination, "-").Output()
		if err != nil {
			t.Fatalf("read %s of %s: %v", m.Destination, service, err)
		}
		for archive := tar.NewReader(bytes.NewReader(data)); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("read %s of %s: %v", m.Destination, service, err)
			}
			content, err := io.ReadAll(archive)
			if err != nil {
				t.Fatalf("read %s of %s: %v", m.Destination, service, err)
			}
			if header.Typeflag == tar.TypeReg {
				files[path.Join(path.Dir(m.Destination), header.Name)] = content
			}
		}
	}
	return files
}

// seed is a user's secret, in the words of NATS.
var seed = regexp.MustCompile(`SU[A-Z2-7]{56}`)

// secrets checks who has which: each role its own and nobody else's, the broker none of them, and only auth
// what makes new ones.
func secrets(t *testing.T, s *stack) {
	t.Helper()
	owner := make(map[string]string) // of a seed
	var caKey, serverKey []byte
	for name, data := range mounted(t, s, "auth") {
		switch {
		case name == "/auth/ca.key":
			caKey = data
		case name == "/auth/server.key":
			serverKey = data
		case strings.HasPrefix(name, "/auth/credentials/"):
			owner[seed.FindString(string(data))] = strings.TrimSuffix(path.Base(name), ".creds")
		}
	}
	if len(owner) < 5 || owner[""] != "" || len(caKey) == 0 || len(serverKey) == 0 {
		t.Fatalf("auth has the secrets of %v, %d bytes of ca.key and %d of server.key: nothing to look for elsewhere", owner, len(caKey), len(serverKey))
	}
	for _, service := range services() {
		var has []string
		for name, data := range mounted(t, s, service) {
			for _, found := range seed.FindAllString(string(data), -1) {
				has = append(has, owner[found]) // "" is none of auth's, and wrong too
			}
			if bytes.Contains(data, bytes.TrimSpace(caKey)) {
				t.Errorf("%s can read the CA's key, in %s", service, name)
			}
			if service != "broker" && bytes.Contains(data, bytes.TrimSpace(serverKey)) {
				t.Errorf("%s can read the broker's key, in %s", service, name)
			}
		}
		want := []string{service}
		if service == "broker" {
			want = nil
		}
		if !slices.Equal(has, want) {
			t.Errorf("%s can read the secrets of %q, want those of %q", service, has, want)
		}
	}
}

// joins makes a user while the broker runs, who gets in with the address in the credentials, and takes it away
// again, who then is thrown out.
func joins(t *testing.T, s *stack, server string) {
	t.Helper()
	to := strings.TrimSpace(s.compose("run", "--rm", "--no-deps", "auth", "auth", "add", "viewer", "desk", "--cameras", "*"))
	file := filepath.Join(t.TempDir(), "desk.creds")
	s.compose("cp", "auth:"+to, file)
	credentials, err := auth.ReadCredentials(file)
	if err != nil {
		t.Fatal(err)
	}
	if credentials.Server != server {
		t.Errorf("the credentials' server is %s, the broker is published at %s", credentials.Server, server)
	}
	enter := func(within time.Duration) error {
		conn, err := bus.Connect(t.Context(), bus.Options{Credentials: &credentials})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }() // it is of no further use
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return conn.WaitConnected(ctx)
	}
	s.until("a user who was added while the broker runs gets in", func() bool { return enter(5*time.Second) == nil })
	s.compose("run", "--rm", "--no-deps", "auth", "auth", "rm", "desk")
	s.until("a user who was removed while the broker runs is refused", func() bool {
		refused := new(bus.EntryError)
		return errors.As(enter(5*time.Second), &refused)
	})
}
