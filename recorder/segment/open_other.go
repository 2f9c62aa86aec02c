//go:build !unix

package segment

const openNonblock = 0
