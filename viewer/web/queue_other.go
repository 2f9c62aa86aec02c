//go:build !linux

package web

import "net"

// kernelQueue is nil: what the kernel holds is not known here, so it is kept small instead.
func kernelQueue(net.Conn) func() (int, error) { return nil }
