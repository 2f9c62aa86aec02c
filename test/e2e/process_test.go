package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// patience is how long anything may take for which the program promises no time.
const patience = 30 * time.Second

// process is a running lensbus, or another program.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout written
	stderr written
	exited chan struct{}
}

// written is what a process has written so far.
type written struct {
	mu      sync.Mutex
	data    bytes.Buffer
	changed chan struct{} // closed and replaced with every write
}

func (o *written) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return o.data.Write(p)
}

func (o *written) String() string {
	text, _ := o.now()
	return text
}

// now returns what there is, and a channel that is closed when there is more.
func (o *written) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.data.String(), o.changed
}

// start runs lensbus with the arguments. It is killed at the end of the test, and with it
// everything that it has started.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with more variables in its environment.
func startWith(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return launch(t, env, exec.Command(lensbus(t).path, args...))
}

// launch runs any command in a process group of its own.
func launch(t *testing.T, env []string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, exited: make(chan struct{})}
	cmd.Env = append(plainEnvironment(t), env...)
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // ProcessState says it all
	}()
	t.Cleanup(func() {
		p.killGroup()
		if t.Failed() {
			t.Logf("%s\nstdout: %s\nstderr: %s", p, last(p.stdout.String()), last(p.stderr.String()))
		}
		if trace := crash.FindString(p.stderr.String()); trace != "" {
			t.Errorf("%s printed a stack trace: %s", p, trace)
		}
	})
	return p
}

// crash is how a Go program that dies of a fault begins to say so.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |goroutine \d+ \[|WARNING: DATA RACE)[^\n]*`)

// plainEnvironment is this process's without what changes lensbus: no servers, no contexts, no
// settings, no screen; with a folder for temporary files that is gone after the test, as a broker that
// is killed leaves its own behind.
func plainEnvironment(t *testing.T) []string {
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/config", "TMPDIR=" + home}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "NATS_") || strings.HasPrefix(name, "LENSBUS_") {
			continue
		}
		switch name {
		case "HOME", "TMPDIR", "XDG_CONFIG_HOME", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XAUTHORITY":
		default:
			env = append(env, variable)
		}
	}
	return env
}

func last(text string) string {
	const most = 6000
	if strings.ContainsFunc(text, func(r rune) bool { return r == 0 || r == utf8.RuneError }) {
		return fmt.Sprintf("%d bytes, not a text", len(text))
	}
	if len(text) > most {
		return "… " + text[len(text)-most:]
	}
	return text
}

// String is the command line, without where the program lies.
func (p *process) String() string { return "lensbus " + strings.Join(p.cmd.Args[1:], " ") }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: send %v: %v\nstderr: %s", p, s, err, last(p.stderr.String()))
	}
}

// killGroup kills the process and all that it has started, and waits for it.
func (p *process) killGroup() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // they may be gone
	<-p.exited
}

// kill is a crash: SIGKILL for this process alone.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// running says whether the process still is.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// wait waits for the end of the process and returns its exit code, -1 when a signal ended it.
func (p *process) wait(limit time.Duration) int {
	p.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-timer.C:
		p.t.Fatalf("%s: not ended within %v\nstderr: %s", p, limit, last(p.stderr.String()))
		return 0
	}
}

// end sends a signal and returns how long the process took to end. Another exit code than 0, and a
// process of its own left behind, are failures.
func (p *process) end(s syscall.Signal) time.Duration {
	p.t.Helper()
	began := time.Now()
	p.signal(s)
	code := p.wait(patience)
	took := time.Since(began)
	if code != 0 {
		p.t.Errorf("%s: exit code %d after %v, want 0\nstderr: %s", p, code, s, last(p.stderr.String()))
	}
	if left := p.group(); len(left) > 0 {
		p.t.Errorf("%s: ended and left processes behind: %v", p, left)
	}
	return took
}

// group lists the processes of the group, those that are over and not yet buried left out.
func (p *process) group() []int {
	var members []int
	for _, s := range processes(p.t) {
		if s.group == p.cmd.Process.Pid && s.state != "Z" {
			members = append(members, s.pid)
		}
	}
	return members
}

// children lists the process's own children: capture workers.
func (p *process) children() []int {
	var pids []int
	for _, s := range processes(p.t) {
		if s.parent == p.cmd.Process.Pid && s.state != "Z" {
			pids = append(pids, s.pid)
		}
	}
	return pids
}

// processStat is a process as /proc tells of it.
type processStat struct {
	pid, parent, group int
	state              string
}

func processes(t *testing.T) []processStat {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skipf("SKIPPED from here on: processes are listed through Linux's /proc: %v", err)
	}
	var all []processStat
	for _, entry := range entries {
		text, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // no process, or one that has ended
		}
		var s processStat
		after := text[bytes.LastIndexByte(text, ')')+1:] // the name may hold anything
		if _, err := fmt.Sscan(string(after), &s.state, &s.parent, &s.group); err != nil {
			continue
		}
		if _, err := fmt.Sscan(entry.Name(), &s.pid); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// say waits until what the process writes to o matches, and returns the groups of the match.
func (p *process) say(o *written, pattern string) []string {
	p.t.Helper()
	expression := regexp.MustCompile(pattern)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		text, more := o.now()
		if m := expression.FindStringSubmatch(text); m != nil {
			return m
		}
		select {
		case <-more:
		case <-p.exited:
			if m := expression.FindStringSubmatch(o.String()); m != nil {
				return m
			}
			p.t.Fatalf("%s: ended (%v) and did not say %q\nstderr: %s", p, p.cmd.ProcessState, pattern, last(p.stderr.String()))
		case <-timer.C:
			p.t.Fatalf("%s: did not say %q within %v\nstdout: %s\nstderr: %s", p, pattern, patience, last(p.stdout.String()), last(p.stderr.String()))
		}
	}
}

// brokerURL waits until a broker in the process takes connections.
func (p *process) brokerURL() string {
	p.t.Helper()
	return p.say(&p.stderr, `broker is ready.* url=(nats://\S+)`)[1]
}

// pageURL waits until the process serves the page; without the last slash.
func (p *process) pageURL() string {
	p.t.Helper()
	return p.say(&p.stdout, `(?m)^(http://\S+)/$`)[1]
}

// answer runs a lensbus command that ends by itself.
func answer(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return answerWith(t, nil, args...)
}

func answerWith(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := startWith(t, env, args...)
	code = p.wait(patience)
	return code, p.stdout.String(), p.stderr.String()
}

// decode reads a JSON document.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, last(text))
	}
	return v
}
