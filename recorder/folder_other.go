//go:build !unix

package recorder

import (
	"fmt"
	"os"
)

// lockFolder refuses: without flock nothing would keep a second recorder away from the same files.
func lockFolder(folder string) (*os.File, error) {
	return nil, fmt.Errorf("%w %s: recording needs a Unix system (file locks)", ErrFolder, folder)
}
