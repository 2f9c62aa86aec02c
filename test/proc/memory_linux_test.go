package proc

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPeakMemory(t *testing.T) {
	const large = 64 << 20
	pid := os.Getpid()
	peak := func() int64 {
		t.Helper()
		bytes, err := PeakMemory(pid)
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	before := peak()
	data := make([]byte, large)
	for i := 0; i < large; i += 4096 {
		data[i] = 1
	}
	with := peak()
	if with < before+large/2 {
		t.Errorf("%d MiB before, and with 64 MiB more %d", before>>20, with>>20)
	}
	runtime.KeepAlive(data)
	data = nil
	debug.FreeOSMemory()
	if after := peak(); after < with-large/8 { // Linux counts a little at a time
		t.Errorf("the peak went down from %d to %d MiB", with>>20, after>>20)
	}
	if err := ForgetPeakMemory(pid); err != nil {
		t.Fatal(err)
	}
	if after := peak(); after > with-large/2 {
		t.Errorf("forgotten, it is %d MiB of %d", after>>20, with>>20)
	}
}

func TestPeakMemoryOfNobody(t *testing.T) {
	if bytes, err := PeakMemory(1 << 30); err == nil { // more than Linux has
		t.Errorf("%d bytes", bytes)
	}
	if err := ForgetPeakMemory(1 << 30); err == nil {
		t.Error("what nobody had is forgotten")
	}
}
