package cluster

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/await"
	"github.com/lensbus/lensbus/test/proc"
)

// patience is how long anything may take for which nothing promises a time.
const patience = 90 * time.Second

// eventually waits until the condition is true; what is for people.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	within(t, patience, what, condition)
}

func within(t testing.TB, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	if !await.True(patience, 50*time.Millisecond, condition) {
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// run runs lensbus once and returns what it prints.
func run(t testing.TB, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	dir := t.TempDir()
	cmd.Env = []string{envRole + "=lensbus", envArgs + "=" + strings.Join(args, "\n"), "HOME=" + dir, "TMPDIR=" + dir}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("lensbus %s: %w: %s", args[0], err, &said)
	}
	return string(out), err
}

// address returns an address of this machine that nobody else has, so that every port is free there.
func address() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
}

// daemon is a program that is started, ended and started again.
type daemon struct {
	t    testing.TB
	name string
	env  []string
	log  string

	cmd    *exec.Cmd // that runs now; nil: none
	exited chan struct{}
	peak   int64 // bytes of memory that the largest of its processes had since the last measure
}

// newDaemon makes one of a role of this program. It is killed at the end of the test.
func newDaemon(t testing.TB, name, role string, env []string, args ...string) *daemon {
	dir := t.TempDir()
	d := &daemon{t: t, name: name, log: filepath.Join(dir, "log"), env: append([]string{
		envRole + "=" + role, envArgs + "=" + strings.Join(args, "\n"),
		"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE"),
	}, env...)}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.kill()
		}
		text, _ := os.ReadFile(d.log) // none where it never ran
		if crash := regexp.MustCompile(`(?m)^(panic: |fatal error: )[^\n]*`).Find(text); crash != nil {
			t.Errorf("%s: %s", name, crash)
		}
		if t.Failed() {
			t.Logf("%s:\n%s", name, text[max(0, len(text)-6000):])
		}
	})
	return d
}

func (d *daemon) start() {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	cmd := exec.Command(self)
	cmd.Env, cmd.Stdout, cmd.Stderr = d.env, log, log
	// It ends with this program, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // a signal ends it
	}()
	d.cmd, d.exited = cmd, exited
}

func (d *daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Errorf("%s: %v: %v", d.name, s, err)
	}
}

func (d *daemon) freeze() { d.look(); d.signal(syscall.SIGSTOP) }
func (d *daemon) thaw()   { d.signal(syscall.SIGCONT) }

// kill is a crash, which nothing can prepare for.
func (d *daemon) kill() {
	d.look()
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.exited
	d.cmd = nil
}

// end asks it to end and waits for that.
func (d *daemon) end() {
	d.t.Helper()
	d.look()
	d.signal(syscall.SIGTERM)
	select {
	case <-d.exited:
		d.cmd = nil
	case <-time.After(patience):
		d.t.Fatalf("%s does not end", d.name)
	}
}

// look notes how much memory it has had at most.
func (d *daemon) look() {
	if d.cmd == nil {
		return
	}
	if bytes, err := proc.PeakMemory(d.cmd.Process.Pid); err == nil { // it may have ended
		d.peak = max(d.peak, bytes)
	}
}

// measure begins a new peak of memory and returns the one before.
func (d *daemon) measure() int64 {
	d.look()
	peak := d.peak
	d.peak = 0
	if d.cmd != nil {
		_ = proc.ForgetPeakMemory(d.cmd.Process.Pid) // it may have ended
	}
	return peak
}

// memory is the most that one of them had since the last time that this was asked.
func memory(all ...*daemon) string {
	most := int64(0)
	for _, d := range all {
		most = max(most, d.measure())
	}
	return fmt.Sprintf("%d MiB", most>>20)
}

// written is how many bytes it has written to disks since it began; 0 where the kernel does not say.
func (d *daemon) written() int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		if number, is := bytes.CutPrefix(line, []byte("write_bytes: ")); is {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
			return n
		}
	}
	return 0
}

// copyConfig copies a file of configs/scale with replacements, old and new in turn, each of which must
// occur, and returns where it is.
func copyConfig(t testing.TB, dir, name string, replacements ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "configs", "scale", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			t.Fatalf("%s has no %q", name, replacements[i])
		}
		text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
