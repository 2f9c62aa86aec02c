//go:build !linux

package worker

import (
	"os"
	"os/exec"
)

// dieWithParent has nothing to do: the end of the child's standard input tells it.
func dieWithParent(*exec.Cmd) {}

// terminate has nothing to do: the end of the child's standard input tells it.
func terminate(*os.Process) {}
