package cluster

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"

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

// figures are what the faults have cost, for people.
type figures struct {
	mu   sync.Mutex
	rows []string
}

// table has those of all tests.
var table figures //nolint:gochecknoglobals // what TestMain prints at the end

// add notes a row: its cells have a tab between.
func (f *figures) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows = append(f.rows, fmt.Sprintf(format, args...))
}

func (f *figures) print() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rows) == 0 || !long() {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FAULT\tNOTHING CONFIRMED FOR\tPUBLISHED\tCONFIRMED\tLOST LIVE\tCONFIRMED AND LOST\tRECORDED\tMEMORY PEAK")
	for _, row := range f.rows {
		_, _ = fmt.Fprintln(w, row)
	}
	_ = w.Flush() // nobody is left to tell
}
