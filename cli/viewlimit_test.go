package cli

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// limitedProgram is the name by which the tests' program is [limited].
const limitedProgram = "lensbus-limited"

// limited says who it is, before and after OpenCV is bounded: its process, the bound, and its arguments.
func limited() {
	say := func() { fmt.Println(os.Getpid(), os.Getenv(openCVPixels), os.Getenv("OTHER"), os.Args[1:]) }
	say()
	(&session{log: slog.New(slog.DiscardHandler)}).limitOpenCV()
	say()
}

// OpenCV reads its bound when it is loaded: the program begins anew with it, once, as the same process and with
// the same arguments. A bound that somebody has set is left.
func TestOpenCVIsBounded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: a process cannot become another program here; OpenCV has its own bound")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string][]string{
		"":  {"", fmt.Sprint(frame.DefaultLimits().Pixels), fmt.Sprint(frame.DefaultLimits().Pixels)},
		"5": {"5", "5"},
	} {
		cmd := exec.CommandContext(t.Context(), program, "view", "front yard")
		cmd.Args[0] = limitedProgram
		cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, openCVPixels+"=") })
		cmd.Env = append(cmd.Env, "OTHER=x")
		if set != "" {
			cmd.Env = append(cmd.Env, openCVPixels+"="+set)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text := ""
		for _, bound := range want {
			text += fmt.Sprintln(cmd.Process.Pid, bound, "x", "[view front yard]")
		}
		if string(out) != text {
			t.Errorf("set to %q:\n%swant\n%s", set, out, text)
		}
	}
}
