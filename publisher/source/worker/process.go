package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// process is a running child.
type process struct {
	stdin          *os.File // kept open: its end tells the child that this process is gone
	stdout, stderr *os.File
	handle         *os.Process

	exited chan struct{}    // closed when the process is over
	state  *os.ProcessState // how; valid after exited
}

// How long a child that is told to end may take before it is killed, and how long a killed one may
// take to be gone (a process inside a driver's call is not gone before that returns).
const (
	politeWait = 500 * time.Millisecond
	killWait   = time.Second
)

// start runs command. The caller ends it with stop and then closes stdout and stderr.
func start(command []string) (*process, error) {
	if len(command) == 0 {
		return nil, errors.New("start the capture process: no command")
	}
	var pipes [6]*os.File // stdin, stdout, stderr: read end, write end
	for i := 0; i < len(pipes); i += 2 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(pipes[:])
			return nil, fmt.Errorf("start the capture process: %w", err)
		}
		pipes[i], pipes[i+1] = r, w
	}
	enlarge(pipes[3])
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipes[0], pipes[3], pipes[5]
	cmd.Env = environment(os.Environ())
	dieWithParent(cmd)

	p := &process{stdin: pipes[1], stdout: pipes[2], stderr: pipes[4], exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel's "die with the parent" means the thread that started the child. This one waits
		// here for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.handle = cmd.Process
		started <- nil
		_ = cmd.Wait() // the state says it all
		p.state = cmd.ProcessState
		close(p.exited)
	}()
	err := <-started
	closeAll([]*os.File{pipes[0], pipes[3], pipes[5]}) // the child's ends
	if err != nil {
		closeAll([]*os.File{pipes[1], pipes[2], pipes[4]})
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path
		}
		return nil, fmt.Errorf("start the capture process: %w", err)
	}
	return p, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // nothing is lost by it
		}
	}
}

// stop ends the process: asked first, killed when it does not go. It is an error when it is still
// there then. Safe to call twice.
func (p *process) stop() error {
	_ = p.stdin.Close() // may be closed already
	terminate(p.handle)
	if p.gone(politeWait) {
		return nil
	}
	_ = p.handle.Kill() // may be over by now
	if p.gone(killWait) {
		return nil
	}
	return fmt.Errorf("capture process %d was killed and is still there: it hangs in the device's driver", p.handle.Pid)
}

// gone waits for the end of the process, for a while.
func (p *process) gone(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}
