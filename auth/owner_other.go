//go:build !unix

package auth

import (
	"io/fs"
	"os"
)

func inherit(*os.File, *os.Root) error { return nil }

func asWritten(info fs.FileInfo, _ string, _ fs.FileMode) bool { return info.Mode().IsRegular() }

func openFolder(above *os.Root, name string) (*os.File, error) { return above.Open(name) }
