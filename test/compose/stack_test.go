//go:build compose

package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the script run says.
const (
	envImage  = "LENSBUS_TEST_IMAGE"
	envOpenCV = "LENSBUS_TEST_OPENCV_IMAGE"
)

// patience is how long anything may take on a busy machine.
const patience = 3 * time.Minute

// stack is one project of compose.
type stack struct {
	t             *testing.T
	file, project string
	env           []string
	password      string
	client        *http.Client
	pagePort      string
}

// newStack is not up yet; with the test's end it is gone, volumes too.
func newStack(t *testing.T, file, name string, env ...string) *stack {
	t.Helper()
	image := os.Getenv(envImage)
	if image == "" {
		t.Fatal("run this with test/compose/run, which builds the images")
	}
	s := &stack{t: t, file: file, project: fmt.Sprintf("lensbus-test-%d-%s", os.Getpid(), name), pagePort: freePort(t)}
	s.env = append(os.Environ(), "LENSBUS_IMAGE="+image, "LENSBUS_OPENCV_IMAGE="+os.Getenv(envOpenCV), "LENSBUS_PAGE_PORT="+s.pagePort)
	s.env = append(s.env, env...)
	s.login(false)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", s.try("logs", "--tail=40"))
		}
		s.try("--profile=*", "down", "--volumes", "--timeout=5", "--remove-orphans")
	})
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// try runs docker compose and returns its output, whatever comes of it.
func (s *stack) try(args ...string) string {
	out, _ := s.command(context.Background(), args...).CombinedOutput()
	return string(out)
}

func (s *stack) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "-f", s.file, "-p", s.project}, args...)...)
	cmd.Env = s.env
	return cmd
}

// compose runs docker compose and returns its standard output.
func (s *stack) compose(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("docker compose %v: %v\n%s%s", args, err, out, &stderr)
	}
	return string(out)
}

// container is what docker says of one.
type container struct {
	ID           string
	RestartCount int
	State        struct {
		Pid       int
		StartedAt string
		Running   bool
		ExitCode  int
		Health    *struct{ Status string }
	}
	HostConfig struct {
		ReadonlyRootfs bool
		CapDrop        []string
		SecurityOpt    []string
		PortBindings   map[string][]struct{ HostIp string }
	}
	Config struct{ User string }
	Mounts []struct{ Type, Destination string }
}

// container returns the one of a service, or false where there is none.
func (s *stack) container(service string) (container, bool) {
	s.t.Helper()
	id := strings.TrimSpace(s.compose("ps", "--all", "--quiet", service))
	if id == "" {
		return container{}, false
	}
	out, err := exec.CommandContext(s.t.Context(), "docker", "inspect", id).Output()
	var found []container
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil || len(found) != 1 {
		s.t.Fatalf("docker inspect: %v\n%s", err, out)
	}
	return found[0], true
}

func (s *stack) healthy(service string) bool {
	c, ok := s.container(service)
	return ok && c.State.Running && c.State.Health != nil && c.State.Health.Status == "healthy"
}

// up brings the stack up and returns how long it took until all services were healthy.
func (s *stack) up(services ...string) time.Duration {
	s.t.Helper()
	began := time.Now()
	s.compose("up", "--detach", "--no-build")
	for _, service := range services {
		s.until(service+" is healthy", func() bool { return s.healthy(service) })
	}
	return time.Since(began).Round(100 * time.Millisecond)
}

// until waits for a condition.
func (s *stack) until(what string, condition func() bool) {
	s.t.Helper()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("not within %s: %s\n%s", patience, what, s.try("ps", "--all"))
		}
	}
}

// kill ends the service's process as a crash does; docker's own kill would be taken for a stop.
func (s *stack) kill(service string) {
	s.t.Helper()
	c, ok := s.container(service)
	if !ok || c.State.Pid <= 1 {
		s.t.Fatalf("%s does not run", service)
	}
	if err := syscall.Kill(c.State.Pid, syscall.SIGKILL); err != nil {
		s.t.Skipf("NOT TESTED: killed containers, because this is not the machine that runs them, or no root: %v", err)
	}
}

func (s *stack) url(path string) string { return "http://127.0.0.1:" + s.pagePort + path }

// get returns the body of what answers 200, and false otherwise.
func (s *stack) get(path string) ([]byte, bool) {
	answer, err := s.client.Get(s.url(path))
	if err != nil {
		return nil, false
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return body, err == nil && answer.StatusCode == http.StatusOK
}

// status is the HTTP status that a path answers with; 0 where nothing answers.
func (s *stack) status(path string) int {
	answer, err := s.client.Get(s.url(path))
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// login forgets who it was and, with wanted, waits until the page takes admin's password.
func (s *stack) login(wanted bool) {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.client = &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	if !wanted {
		return
	}
	body, err := json.Marshal(map[string]string{"name": "admin", "password": s.password})
	if err != nil {
		s.t.Fatal(err)
	}
	s.until("the page takes the password", func() bool {
		answer, err := s.client.Post(s.url("/api/login"), "application/json", bytes.NewReader(body))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode/100 == 2
	})
}
