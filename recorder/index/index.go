// Package index knows which segments there are.
package index

import (
	_ "golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"
)
