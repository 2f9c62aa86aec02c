package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience is how long anything may take that is waited for.
const patience = 2 * time.Minute

// process is one that was started. What it says goes to a file.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	in     io.WriteCloser
	out    *os.File // reads its standard output
}

// start starts a command; its output, where it is wanted, is read from out.
func start(name, dir string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = writer.Close() }() // likewise
	cmd.Stderr, cmd.Stdout = log, writer
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	cmd.Env = append(plain(), cmd.Env...)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), reader.Close())
	}
	p.out = reader
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // whoever waits for anything of it sees that it is gone
	}()
	return p, nil
}

// plain is this process's environment without what changes lensbus.
func plain() (env []string) {
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "NATS_") && !strings.HasPrefix(variable, "LENSBUS_") {
			env = append(env, variable)
		}
	}
	return env
}

// end ends the process and waits for that.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	_ = p.out.Close()
}

// says waits until its log has what matches, and returns the first group.
func (p *process) says(ctx context.Context, pattern *regexp.Regexp) (found string, err error) {
	err = until(ctx, fmt.Sprintf("%s says %s", p.name, pattern), func() bool {
		text, err := os.ReadFile(p.log)
		if m := pattern.FindSubmatch(text); err == nil && m != nil {
			found = string(m[1])
		}
		return found != "" || p.gone()
	})
	if err == nil && found == "" {
		text, _ := os.ReadFile(p.log)
		return "", fmt.Errorf("%s has ended: %s", p.name, bytes.TrimSpace(text))
	}
	return found, err
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// until waits for a condition.
func until(ctx context.Context, what string, condition func() bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("not within %v: %s", patience, what)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// cpu is how much processor time the process has used. What it has started is not in it.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("unknown: %q", text)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return ticks(user + system), errors.Join(err1, err2)
}

// ticks are of USER_HZ, which is 100 everywhere.
func ticks(n int) time.Duration { return time.Duration(n) * time.Second / 100 }

// machineBusy is how much processor time everything on the machine has used.
func machineBusy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	busy := 0
	for i, field := range fields[1:] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		// Without idle and iowait, and without guests, which are in user and nice already.
		if i != 3 && i != 4 && i < 8 {
			busy += n
		}
	}
	return ticks(busy), nil
}

// build builds lensbus without OpenCV.
func build(ctx context.Context, dir string) (path string, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	path = filepath.Join(dir, "lensbus")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-o", path, ".")
	cmd.Dir, cmd.Env = strings.TrimSpace(string(root)), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}
