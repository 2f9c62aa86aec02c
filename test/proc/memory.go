// Package proc reads, for tests and measurements, what Linux says of a process. Elsewhere there is nothing
// to read, and each of its functions fails.
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PeakMemory is how many bytes of memory a process has had at most, since it began or since
// [ForgetPeakMemory]. File pages that it has mapped are in it. It fails for a process that has ended.
func PeakMemory(pid int) (bytes int64, err error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0, fmt.Errorf("%s: no VmHWM", path) // it has ended, and nobody has asked for its exit code
	}
	kib, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return kib << 10, nil
}

// ForgetPeakMemory makes PeakMemory of a process begin anew.
func ForgetPeakMemory(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
