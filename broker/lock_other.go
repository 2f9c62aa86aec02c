//go:build !unix

package broker

import (
	"errors"
	"os"
)

// lockStore refuses: without flock nothing would keep a second broker away from the same files.
func lockStore(string) (*os.File, error) {
	return nil, errors.New("a store that is kept needs a Unix system (file locks): leave --store away")
}
