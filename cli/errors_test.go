package cli

import (
	"bytes"
	"strings"
	"testing"
)

// What stands in an error may be somebody else's: a terminal is not driven by it.
func TestErrorsDoNotDriveTheTerminal(t *testing.T) {
	var out, said bytes.Buffer
	code := Main(Program{Version: "v1", Args: []string{"\x1b]0;owned\x07\u202egnp.exe"}, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said})
	if code != exitUsage || strings.ContainsAny(said.String(), "\x1b\x07\u202e") || !strings.Contains(said.String(), "owned") {
		t.Errorf("%d: %q", code, &said)
	}
}
