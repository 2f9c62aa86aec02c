//go:build !unix

package cli

import "errors"

func replaceProcess(string, []string, []string) error {
	return errors.New("another program cannot take this process's place on this system")
}
