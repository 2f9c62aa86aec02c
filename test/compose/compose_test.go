//go:build compose

package compose

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"slices"
	"testing"
	"time"
)

func services() []string { return []string{"broker", "cameras", "recorder", "page"} }

// TestComposeUp is what somebody who has just cloned the project does, and what then can happen to him.
func TestComposeUp(t *testing.T) {
	port := freePort(t)
	s := newStack(t, "../../docker-compose.yml", "up", "LENSBUS_BROKER_PORT="+port)
	t.Logf("MEASURED: up, all healthy after %s", s.up(services()...))
	hardened(t, s)
	secrets(t, s)
	joins(t, s, "tls://localhost:"+port)

	s.password = loggedPassword(t, s)
	if code := s.status("/cameras/front/snapshot.jpg"); code != 401 {
		t.Errorf("who has not logged in gets a picture: status %d", code)
	}
	s.login(true)
	moves(s, "front", "door")
	inBrowser(t, s)
	before := records(s, "front")
	users := s.compose("run", "--rm", "--no-deps", "auth", "auth", "list", "--json")

	s.compose("down", "--timeout=10")
	t.Logf("MEASURED: up again, all healthy after %s", s.up(services()...))
	s.login(true) // with the password of the first time
	moves(s, "front", "door")
	if after := s.compose("run", "--rm", "--no-deps", "auth", "auth", "list", "--json"); after != users {
		t.Errorf("other users and keys after down and up:\n%s\n%s", users, after)
	}
	s.until("what was recorded before down is there", func() bool {
		now, ok := ranges(s, "front")
		return ok && len(now.Spans) > 0 && !now.Spans[0].From.After(before.Spans[0].From) && now.frames() > before.frames()
	})

	for _, victim := range []string{"page", "recorder", "cameras", "broker"} {
		killed(t, s, victim)
	}
	now, _ := ranges(s, "front")
	t.Logf("MEASURED: %d frames of front recorded in %d spans, %d gaps", now.frames(), len(now.Spans), len(now.Gaps))
}

// hardened checks what docker has made of the file.
func hardened(t *testing.T, s *stack) {
	for _, service := range append(services(), "auth") {
		c, ok := s.container(service)
		if !ok {
			t.Errorf("%s has no container", service)
			continue
		}
		if !c.HostConfig.ReadonlyRootfs || !slices.Contains(c.HostConfig.CapDrop, "ALL") || !slices.Contains(c.HostConfig.SecurityOpt, "no-new-privileges:true") || c.Config.User != "65534:65534" {
			t.Errorf("%s: user %s, %+v", service, c.Config.User, c.HostConfig)
		}
		for port, bindings := range c.HostConfig.PortBindings {
			for _, b := range bindings {
				if b.HostIp != "127.0.0.1" {
					t.Errorf("%s publishes %s on %q", service, port, b.HostIp)
				}
			}
		}
	}
	if c, _ := s.container("auth"); c.State.Running || c.State.ExitCode != 0 {
		t.Errorf("auth: %+v", c.State)
	}
}

// moves waits until each camera's picture is one, and then another.
func moves(s *stack, ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		var first []byte
		s.until(id+" moves", func() bool {
			data, ok := s.get("/cameras/" + id + "/snapshot.jpg")
			if !ok {
				return false
			}
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				s.t.Fatalf("camera %s: %v", id, err)
			}
			if first == nil {
				first = data
			}
			return !bytes.Equal(first, data)
		})
	}
}

// recorded is the answer of /api/cameras/ID/ranges.
type recorded struct {
	Spans []struct {
		From, To time.Time
		Frames   int
		Kept     string
	}
	Gaps []struct{ From, To time.Time }
}

// frames counts those in files.
func (r recorded) frames() (n int) {
	for _, s := range r.Spans {
		if s.Kept == "file" {
			n += s.Frames
		}
	}
	return n
}

func ranges(s *stack, id string) (r recorded, ok bool) {
	data, ok := s.get("/api/cameras/" + id + "/ranges")
	return r, ok && json.Unmarshal(data, &r) == nil
}

// records waits until frames go to files, and then more of them, and returns what there is.
func records(s *stack, id string) (now recorded) {
	s.t.Helper()
	first := 0
	s.until("frames of "+id+" are recorded", func() bool {
		var ok bool
		now, ok = ranges(s, id)
		if first == 0 {
			first = now.frames()
		}
		return ok && first > 0 && now.frames() > first
	})
	return now
}

// killed kills one service's process: it comes back by itself, and the others are not started again.
func killed(t *testing.T, s *stack, victim string) {
	began := make(map[string]string)
	for _, service := range services() {
		c, _ := s.container(service)
		began[service] = c.State.StartedAt
	}
	was := time.Now()
	s.kill(victim)
	s.until(victim+" comes back", func() bool {
		c, ok := s.container(victim)
		return ok && c.State.StartedAt != began[victim] && s.healthy(victim)
	})
	back := time.Since(was)
	if victim == "page" {
		s.login(true) // sessions are in its memory
	}
	moves(s, "front", "door")
	now := records(s, "front")
	t.Logf("MEASURED: %s killed: healthy again after %s, pictures move and are recorded after %s, %d gaps in the recording",
		victim, back.Round(100*time.Millisecond), time.Since(was).Round(100*time.Millisecond), len(now.Gaps))
	for _, service := range services() {
		if c, _ := s.container(service); service != victim && c.State.StartedAt != began[service] {
			t.Errorf("%s was killed and %s started again", victim, service)
		}
	}
}
