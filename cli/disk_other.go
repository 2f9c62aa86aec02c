//go:build !linux && !darwin

package cli

import "errors"

func fileSystem(string) (room, error) {
	return room{}, errors.New("how much room there is, is not known on this system")
}
