//go:build !linux

package worker

import (
	"io"
	"os"
)

func enlarge(*os.File) {}

func claim(stdout io.Writer) (io.Writer, error) { return stdout, nil }

func writeBoth(w io.Writer, header, payload []byte) error { return writeInTurn(w, header, payload) }
