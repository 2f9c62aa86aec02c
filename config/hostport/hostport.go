// Package hostport says who reaches an address that a role listens on, HOST:PORT in its settings, and by which
// name a request calls it. What is asked of those who reach it is the roles' own affair, and nothing here
// listens.
package hostport

import (
	"net"
	"net/netip"
	"strings"
)

// Loopback says whether only this machine reaches host. A name is not looked up: what it means can
// change after the check.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Called is the name or address in a request's Host header: without port and brackets, in lower case.
func Called(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		header = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(header, "["), "]"))
}
