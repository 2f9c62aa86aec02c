package worker

import (
	"os"
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the child when this process dies in whatever way: the end of
// its standard input tells it too, but only if it still listens.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) } // may be over already
