package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// On a terminal one sees how far a look at all files is, and in a file or a pipe nothing of that.
func TestFilesOnATerminal(t *testing.T) {
	dir, _ := recordedFolder(t, 20)
	for what, c := range map[string]recordCommand{
		"verify":  {Verify: true, Dir: dir, JSON: true},
		"reindex": {Reindex: true, Dir: dir},
	} {
		p := newPTY(t, 80, 24)
		var out, log bytes.Buffer
		s := &session{Program: Program{Stdout: &out, Stderr: p.line}, log: slog.New(slog.NewTextHandler(&log, nil))}
		if err := c.Run(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		soon(t, "the bar of "+what+" is taken away", func() bool { return strings.HasSuffix(p.text(), "\r\x1b[K") })
		if text := p.text(); !strings.HasPrefix(text, "\r"+what+" [") || !strings.Contains(text, " of 2 files") {
			t.Errorf("%s: on the terminal is %q", what, text)
		}
		if !strings.Contains(out.String(), "segments") || strings.Contains(out.String(), "files") {
			t.Errorf("%s prints %s", what, &out)
		}
		var quiet bytes.Buffer
		s.Stderr = &quiet
		if err := c.Run(t.Context(), s); err != nil || quiet.Len() > 0 {
			t.Errorf("%s: %v, and without a terminal %q", what, err, &quiet)
		}
	}
}

// What a reindex does to files that a recorder left open is told for each, and what is said of it is so.
func TestReindexTellsWhatItDoes(t *testing.T) {
	dir, _ := recordedFolder(t, 20)
	day := filepath.Join(dir, "front", "2026", "11", "22")
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(day, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(day, "20261122T100000.000000000Z.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	put("20261122T110000.000000000Z.mp4", []byte("this is a whole file and no segment"))
	put("20261122T120000.000000000Z.mp4.part", []byte("and this one was left open"))
	put("20261122T130000.000000000Z.mp4.part", nil)
	put("20261122T100000.000000000Z-2.mp4.part", whole)
	c := recordCommand{Reindex: true, Dir: dir, JSON: true}
	var out, log bytes.Buffer
	s := &session{Program: Program{Stdout: &out, Stderr: &log}, log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := c.Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(log.String(), "\n")
	for name, says := range map[string]string{
		"T110000.000000000Z.mp4 ":        "left as it is",
		"T120000.000000000Z.mp4.damaged": "put aside under this name",
		"T130000.000000000Z.mp4.part":    "was empty and is removed",
		"T100000.000000000Z-2.mp4":       "had left open is closed",
	} {
		told := 0
		for _, line := range lines {
			if strings.Contains(line, name) {
				told++
				if !strings.Contains(line, says) {
					t.Errorf("of %s it says %s, want %q", name, line, says)
				}
			}
		}
		if told != 1 {
			t.Errorf("%d lines about %s in\n%s", told, name, &log)
		}
	}
	got := names(t, day)
	want := "20261122T100000.000000000Z-2.mp4 20261122T100000.000000000Z.mp4 20261122T100001.000000000Z.mp4 20261122T110000.000000000Z.mp4 20261122T120000.000000000Z.mp4.damaged"
	if got != want {
		t.Errorf("there are %s\nwant      %s", got, want)
	}
	for _, field := range []string{`"salvaged": [`, `"removed": [`, `"damaged": [`} {
		if !strings.Contains(out.String(), field) {
			t.Errorf("no %s in %s", field, &out)
		}
	}
}
