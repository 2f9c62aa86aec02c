//go:build unix

package cli

import "syscall"

// replaceProcess runs another program as this process. It returns only where that cannot be.
func replaceProcess(program string, args, env []string) error {
	return syscall.Exec(program, args, env)
}
