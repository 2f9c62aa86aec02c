//go:build hosts

package hosts

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/await"
	"github.com/lensbus/lensbus/test/proc"
)

// patience is how long anything may take for which nothing promises a time.
const patience = 60 * time.Second

// process is a program on a host that is started, ended and started again. What it writes to standard
// error is in one file, what it writes to standard output in another.
type process struct {
	t        *testing.T
	name     string
	host     *host
	command  func() *exec.Cmd
	log, out string

	cmd    *exec.Cmd
	exited chan struct{}
	peak   int64 // bytes of memory that the largest of its processes had since the last measure
	most   int64 // and ever
}

func newProcess(t *testing.T, dir, name string, h *host, env []string, program string, args ...string) *process {
	p := &process{t: t, name: name, host: h, log: filepath.Join(dir, name+".log"), out: filepath.Join(dir, name+".out")}
	p.command = func() *exec.Cmd {
		cmd := h.command(program, args...)
		cmd.Env = append(plainEnvironment(dir), env...)
		return cmd
	}
	t.Cleanup(func() {
		p.kill()
		text, err := os.ReadFile(p.log)
		if err != nil {
			return // it was never started
		}
		if trace := crash.Find(text); trace != nil {
			t.Errorf("%s printed a stack trace: %s", name, trace)
		}
		if t.Failed() {
			t.Logf("%s:\n%s", name, last(string(text)))
		}
	})
	return p
}

// crash is how a Go program that dies of a fault begins to say so.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |goroutine \d+ \[)[^\n]*`)

func last(text string) string {
	const most = 6000
	if len(text) > most {
		return "… " + text[len(text)-most:]
	}
	return text
}

// plainEnvironment is this process's without what changes lensbus.
func plainEnvironment(dir string) []string {
	env := []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir + "/config", "XDG_STATE_HOME=" + dir + "/state", "TMPDIR=" + dir}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(name, "NATS_"), strings.HasPrefix(name, "LENSBUS_"), strings.HasPrefix(name, "XDG_"), name == "HOME", name == "TMPDIR":
		default:
			env = append(env, variable)
		}
	}
	return env
}

func (p *process) start() *process {
	p.t.Helper()
	if p.cmd != nil {
		p.t.Fatalf("%s runs already", p.name)
	}
	open := func(path string) *os.File {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			p.t.Fatal(err)
		}
		return file
	}
	log, out := open(p.log), open(p.out)
	defer func() { _, _ = log.Close(), out.Close() }() // the process has its own
	cmd, exited := p.command(), make(chan struct{})
	cmd.Stderr, cmd.Stdout = log, out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		defer close(exited)
		_ = cmd.Wait() // ProcessState says it all
	}()
	p.cmd, p.exited = cmd, exited
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("%v to %s: %v", s, p.name, err)
	}
}

// kill is a crash: SIGKILL, which nothing can prepare for.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	p.look()
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
	p.cmd = nil
}

// end asks the process to end; another exit code than 0 fails the test.
func (p *process) end() {
	p.t.Helper()
	p.look()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Errorf("%s did not end within %v", p.name, patience)
		p.kill()
		return
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s ended with code %d", p.name, code)
	}
	p.cmd = nil
}

// look notes how much memory the process has had at most.
func (p *process) look() {
	if p.cmd == nil {
		return
	}
	if bytes, err := proc.PeakMemory(p.cmd.Process.Pid); err == nil { // it may have ended
		p.peak = max(p.peak, bytes)
		p.most = max(p.most, p.peak)
	}
}

// measure begins a new peak of memory and returns the one before.
func (p *process) measure() int64 {
	p.look()
	peak := p.peak
	p.peak = 0
	if p.cmd != nil {
		_ = proc.ForgetPeakMemory(p.cmd.Process.Pid) // it may have ended
	}
	return peak
}

// says waits until its log, from a place on, has what matches, and returns the first group.
func (p *process) says(from int, pattern string) string {
	p.t.Helper()
	expression := regexp.MustCompile(pattern)
	found := ""
	eventually(p.t, p.name+" says "+pattern, func() bool {
		select {
		case <-p.exited:
			text, _ := os.ReadFile(p.log)
			p.t.Fatalf("%s ended: %v\n%s", p.name, p.cmd.ProcessState, last(string(text)))
		default:
		}
		text, err := os.ReadFile(p.log)
		if err != nil || len(text) < from {
			return false
		}
		m := expression.FindSubmatch(text[from:])
		if m == nil {
			return false
		}
		found = string(m[len(m)-1])
		return true
	})
	return found
}

// said is how much it has said so far.
func (p *process) said() int {
	info, err := os.Stat(p.log)
	if err != nil {
		return 0
	}
	return int(info.Size())
}

// role is this program as something else on a host.
func role(t *testing.T, dir, name string, h *host, kind string, task assignment) *process {
	t.Helper()
	text, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return newProcess(t, dir, name, h, []string{envRole + "=" + kind, envTask + "=" + string(text)}, self)
}

// lensbus is the program under test on a host.
func lensbus(t *testing.T, dir, name string, h *host, args ...string) *process {
	return newProcess(t, dir, name, h, nil, os.Getenv(envProgram), args...)
}

// answer runs a command of the program that ends by itself and returns what it prints.
func answer(t *testing.T, dir string, h *host, args ...string) string {
	t.Helper()
	cmd := h.command(os.Getenv(envProgram), args...)
	cmd.Env = plainEnvironment(dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("lensbus %v: %v\n%s", args, err, &said)
	}
	return string(printed)
}

// eventually waits for a condition that only looking at can tell.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	if !within(patience, condition) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

func within(limit time.Duration, condition func() bool) bool {
	return await.True(limit, 50*time.Millisecond, condition)
}

// pass lets time pass, where it is what the test is about.
func pass(d time.Duration) { <-time.After(d) }
