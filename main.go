// Lensbus moves live camera pictures over NATS: publishers, a broker, viewers, in one program.
package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"github.com/lensbus/lensbus/cli"
)

// version is set by the linker (see the Makefile).
var version = "devel"

// Windows take calls from the main thread only, and init is the last chance to stay on it.
func init() { runtime.LockOSThread() }

func main() {
	// Frames are large and short-lived and little else is kept: with Go's default of 100 % the
	// collector runs at every third frame. GOGC still decides where it is set.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(cli.Main(cli.Program{
		Version: version, Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}
