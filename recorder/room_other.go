//go:build !linux && !darwin

package recorder

import "errors"

func roomOf(string) (Room, error) {
	return Room{}, errors.New("not known on this system")
}
