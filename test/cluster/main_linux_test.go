package cluster

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/cli"
)

// What this program is when it is started with envRole: a nats-server, or lensbus, with envArgs, a line
// each, as its command line.
const (
	envRole = "LENSBUS_CLUSTER_ROLE"
	envArgs = "LENSBUS_CLUSTER_ARGS"
)

// envLong makes the long round of the short one.
const envLong = "LENSBUS_CLUSTER_LONG"

func long() bool { return os.Getenv(envLong) != "" }

func TestMain(m *testing.M) {
	args := strings.Split(os.Getenv(envArgs), "\n")
	switch os.Getenv(envRole) {
	case "":
		if raceDetector {
			fmt.Println("NOT TESTED with the race detector: clusters, because it makes five servers slow and their code is tested elsewhere; without it they are")
			os.Exit(0)
		}
		code := m.Run()
		table.print()
		os.Exit(code)
	case "nats-server":
		os.Exit(natsServer(args))
	case "lensbus":
		os.Exit(cli.Main(cli.Program{Version: "0.0.0", Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
	}
	os.Exit(2)
}

// natsServer is nats-server's own main function, but for its flags.
func natsServer(args []string) int {
	opts, err := server.ProcessConfigFile(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	opts.NoSigs = true
	s, err := server.NewServer(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.ConfigureLogger()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		s.Shutdown()
	}()
	s.Start()
	s.WaitForShutdown()
	return 0
}
