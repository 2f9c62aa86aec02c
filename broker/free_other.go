//go:build !unix

package broker

// freeSpace is not known here.
func freeSpace(string) (bytes int64, known bool) { return 0, false }
