package web

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
)

// The browsers of a benchmark are a process of their own, so that the CPU time of this one is the
// server's alone. It is told the address, the path and how many.
const benchReaders = "LENSBUS_BENCH_READERS"

func runBenchReaders() int {
	addr, path, n := os.Args[1], os.Args[2], os.Args[3]
	count, err := strconv.Atoi(n)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var first sync.WaitGroup
	for range count {
		first.Add(1)
		go func() {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
			}
			buf := make([]byte, 256<<10)
			for once := sync.OnceFunc(first.Done); err == nil; once() {
				_, err = conn.Read(buf)
			}
			fmt.Fprintln(os.Stderr, "reader:", err)
		}()
	}
	first.Wait()
	fmt.Println("all read")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark lets go
	return 0
}
