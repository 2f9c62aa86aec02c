// Lensbus moves live camera pictures over NATS: publishers, a broker, viewers, in one program.
package main

import (
	"os"
	"runtime"

	"github.com/lensbus/lensbus/cli"
)

// version is set by the linker (see the Makefile).
var version = "devel"

// Windows take calls from the main thread only, and init is the last chance to stay on it.
func init() { runtime.LockOSThread() }

func main() {
	if os.Getenv("GOGC") == "" { // else that decides
		keepHeapSmall()
	}
	os.Exit(cli.Main(cli.Program{
		Version: version, Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}
