//go:build unix

package segment

import "syscall"

const openNonblock = syscall.O_NONBLOCK
