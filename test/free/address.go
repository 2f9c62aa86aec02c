// Package free finds, for tests, what nobody uses. Where a server may take its port itself, as with
// 127.0.0.1:0, that is better: nothing here is kept for anybody.
package free

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Address returns an address of this machine on which nobody listens. Its port lies outside the range from
// which systems take ports for outgoing connections, so that it stays free while a server on it is
// restarted: a client that tries to reach it would otherwise, now and then, connect to itself.
func Address(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(12000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("no free port")
	return ""
}
