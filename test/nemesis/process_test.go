package nemesis

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
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

// daemon is a program that is started, ended and started again. What all its processes write to
// standard error is in one file.
type daemon struct {
	t       testing.TB
	command func() *exec.Cmd
	log     string

	process *process // that runs now; nil: none
	starts  int
	peak    int64 // bytes of memory that the largest of its processes had
}

type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan struct{}
}

// newDaemon makes one that runs the command; name is for people. It is killed at the end of the test.
func newDaemon(t testing.TB, name string, command func() *exec.Cmd) *daemon {
	d := &daemon{t: t, command: command, log: filepath.Join(folder(t), name+".log")}
	t.Cleanup(func() {
		if d.process != nil {
			d.kill()
		}
		text := d.said()
		if trace := crash.FindString(text); trace != "" {
			t.Errorf("%s printed a stack trace: %s", name, trace)
		}
		if t.Failed() {
			t.Logf("%s, started %d times:\n%s", name, d.starts, last(text))
		}
	})
	return d
}

// folder returns a new one, which is gone after the test; with SOAK_DIR it is in there, and stays to be
// looked at.
func folder(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SOAK_DIR")
	if dir == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(dir, t.Name()+"-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// crash is how a Go program that dies of a fault begins to say so.
var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |goroutine \d+ \[|WARNING: DATA RACE)[^\n]*`)

func last(text string) string {
	const most = 12000
	if len(text) > most {
		return "… " + text[len(text)-most:]
	}
	return text
}

// start runs the command. Its standard input stays open until the process ends or it is closed.
func (d *daemon) start() {
	d.t.Helper()
	if d.process != nil {
		d.t.Fatal("it runs already")
	}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	p := &process{cmd: d.command(), exited: make(chan struct{})}
	p.cmd.Env = append(plainEnvironment(d.t), p.cmd.Env...)
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		d.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // ProcessState says it all
	}()
	d.process = p
	d.starts++
}

// plainEnvironment is this process's without what changes lensbus.
func plainEnvironment(t testing.TB) []string {
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/config", "TMPDIR=" + home}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "NATS_") || strings.HasPrefix(name, "LENSBUS_") {
			continue
		}
		switch name {
		case "HOME", "TMPDIR", "XDG_CONFIG_HOME":
		default:
			env = append(env, variable)
		}
	}
	return env
}

// signal sends a signal to the process and all that it has started.
func (d *daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := syscall.Kill(-d.process.cmd.Process.Pid, s); err != nil {
		d.t.Errorf("%v of %v: %v", s, d.process.cmd.Args, err)
	}
}

// kill is a crash: SIGKILL, which nothing can prepare for.
func (d *daemon) kill() {
	d.t.Helper()
	d.look()
	if d.running() {
		d.signal(syscall.SIGKILL)
	}
	<-d.process.exited
	d.process = nil
}

// end asks the process to end and returns its exit code.
func (d *daemon) end() int {
	d.t.Helper()
	d.look()
	if d.running() {
		d.signal(syscall.SIGTERM)
	}
	return d.wait()
}

// wait waits for the end of the process and returns its exit code, -1 where a signal ended it.
func (d *daemon) wait() int {
	d.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-d.process.exited:
	case <-timer.C:
		d.t.Fatalf("%v did not end within %v", d.process.cmd.Args, patience)
	}
	code := d.process.cmd.ProcessState.ExitCode()
	d.process = nil
	return code
}

func (d *daemon) running() bool {
	select {
	case <-d.process.exited:
		return false
	default:
		return true
	}
}

// look notes how much memory the process has had at most. Linux alone tells.
func (d *daemon) look() {
	if bytes, err := proc.PeakMemory(d.process.cmd.Process.Pid); err == nil {
		d.peak = max(d.peak, bytes)
	}
}

// said is what all its processes have written to standard error.
func (d *daemon) said() string {
	text, err := os.ReadFile(d.log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Error(err)
	}
	return string(text)
}

// says waits until they have written what matches.
func (d *daemon) says(pattern string) {
	d.t.Helper()
	expression := regexp.MustCompile(pattern)
	eventually(d.t, "its log says "+pattern, func() bool {
		ended := !d.running() // looked at first
		found := expression.MatchString(d.said())
		if ended && !found {
			d.t.Fatalf("%v ended and did not say %s", d.process.cmd.Args, pattern)
		}
		return found
	})
}

// lensbus is the command line of the program under test.
func lensbus(args ...string) *exec.Cmd {
	if level := os.Getenv("SOAK_LOG_LEVEL"); level != "" {
		args = append([]string{"--log-level", level}, args...)
	}
	return exec.Command(os.Getenv(program), args...)
}

// answer runs a command that ends by itself.
func answer(t testing.TB, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	cmd.Env = append(plainEnvironment(t), cmd.Env...)
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(5*patience, func() { _ = cmd.Process.Kill() })
	defer stuck.Stop()
	_ = cmd.Wait() // ProcessState says it all
	return cmd.ProcessState.ExitCode(), out.String(), errors.String()
}

// eventually waits for a condition that only looking at can tell.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	eventuallyIn(t, patience, what, condition)
}

func eventuallyIn(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	if !await.True(limit, 50*time.Millisecond, condition) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}
