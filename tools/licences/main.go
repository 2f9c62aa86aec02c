// Licences lists the licence of every module that is built into lensbus, without OpenCV and with it,
// and fails where one has none that is known to be fit for a program under the Apache licence. Run it in
// the project's root.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

type module struct{ Path, Version, Dir string }

func main() {
	modules, err := built()
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
	unknown := 0
	for _, m := range modules {
		name, file := licence(m.Dir)
		if name == "" {
			unknown++
			name = "UNKNOWN " + file
		}
		fmt.Printf("%-14s %s %s\n", name, m.Path, m.Version)
	}
	if unknown > 0 {
		fmt.Fprintf(os.Stderr, "licences: of %d modules nobody has said that their licence fits\n", unknown)
		os.Exit(1)
	}
}

// built are the modules of the program's packages, but for its own.
func built() ([]module, error) {
	found := make(map[string]module)
	for _, build := range [][]string{{"CGO_ENABLED=0"}, {"CGO_ENABLED=1", "-tags=opencv,gocv_specific_modules,gocv_videoio,gocv_highgui"}} {
		cmd := exec.Command("go", append(append([]string{"list", "-deps", "-json=Module"}, build[1:]...), ".")...)
		cmd.Env = append(os.Environ(), build[0])
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Module *struct {
					module
					Main bool
				}
			}
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("go list: %w", err)
			}
			if p.Module != nil && !p.Module.Main {
				found[p.Module.Path] = p.Module.module
			}
		}
	}
	if len(found) < 10 {
		return nil, fmt.Errorf("found only %d modules", len(found))
	}
	var all []module
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// licence names that of a module, "" where it is none of those that are known; file is where it stands.
func licence(dir string) (name, file string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err.Error()
	}
	for _, entry := range entries {
		upper := strings.ToUpper(entry.Name())
		if !strings.HasPrefix(upper, "LICEN") && !strings.HasPrefix(upper, "COPYING") && !strings.HasPrefix(upper, "UNLICENSE") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			continue
		}
		file = entry.Name()
		text := strings.ToLower(strings.Join(strings.Fields(string(data)), " "))
		for _, known := range []struct{ name, words string }{
			{"", "gnu general public license"}, {"", "gnu lesser general public license"}, {"", "gnu affero"}, // not without a thought
			{"Apache-2.0", "apache license version 2.0"},
			{"Apache-2.0", "apache license, version 2.0"},
			{"MPL-2.0", "mozilla public license version 2.0"},
			{"MIT", "permission is hereby granted, free of charge"},
			{"ISC", "distribute this software for any purpose with or without fee"},
			{"BSD-3-Clause", "neither the name of"},
			{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
			{"Unlicense", "this is free and unencumbered software released into the public domain"},
		} {
			if strings.Contains(text, known.words) {
				if known.name == "" {
					return "", file
				}
				return known.name, file
			}
		}
	}
	return "", file
}
