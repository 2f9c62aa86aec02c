//go:build hosts

package hosts

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// What the script run says.
const (
	envProgram = "LENSBUS_HOSTS_PROGRAM"
	envWork    = "LENSBUS_HOSTS_WORK"
)

// What this program is when it is started with envRole: one of roles, with envTask as JSON.
const (
	envRole = "LENSBUS_HOSTS_ROLE"
	envTask = "LENSBUS_HOSTS_TASK"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		os.Exit(play(role, os.Getenv(envTask)))
	}
	if os.Getenv(envProgram) == "" || os.Getenv(envWork) == "" {
		fmt.Fprintln(os.Stderr, "run this with test/hosts/run, which makes the namespaces")
		os.Exit(125)
	}
	// Ended by whom it may be: this process is the first of its namespace, and all others go with it.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		os.Exit(130)
	}()
	code := m.Run()
	printTable(os.Stdout)
	os.Exit(code)
}

// play is the main function of a role.
func play(role, task string) int {
	var t assignment
	err := json.Unmarshal([]byte(task), &t)
	if err == nil {
		switch role {
		case "camera":
			err = t.camera()
		case "skewed":
			err = t.skewed()
		case "proof":
			err = t.proof()
		case "viewer":
			err = t.viewer()
		case "browser":
			err = t.browser()
		case "stored":
			err = t.stored()
		case "get":
			err = t.get()
		default:
			err = fmt.Errorf("no role %s", role)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// short makes the long faults short.
func short() bool { return os.Getenv("HOSTS_SHORT") != "" }
