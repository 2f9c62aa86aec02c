package cli

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// Fifty times on the same ports: start, every camera live on the page, one signal, code 0 within two
// seconds, and nothing left that the next round stumbles on.
func TestFiftyRounds(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: fifty starts of the whole program take a while")
	}
	broker, page := freeAddress(t), freeAddress(t)
	temporary := t.TempDir()
	for round := range 50 {
		var log bytes.Buffer
		cmd := exec.Command("lensbus", "up", "--broker-listen", broker, "--web-listen", page,
			"--camera", "front=test:?width=320&height=240&fps=30", "--camera", "yard=test:?width=160&height=120&fps=30")
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()

		deadline := time.After(patience)
		tick := time.NewTicker(20 * time.Millisecond)
		for !allLive("http://"+page+"/api/cameras", 2) {
			select {
			case <-tick.C:
			case err := <-done:
				t.Fatalf("round %d: ended by itself: %v\n%s", round, err, &log)
			case <-deadline:
				_ = cmd.Process.Kill()
				<-done
				t.Fatalf("round %d: not live within %s\n%s", round, patience, &log)
			}
		}
		tick.Stop()

		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[round%2]
		began := time.Now()
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("round %d: after %s: %v\n%s", round, sig, err, &log)
			}
		case <-deadline:
			_ = cmd.Process.Kill()
			<-done
			t.Fatalf("round %d: still there after %s\n%s", round, sig, &log)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("round %d: took %s to end, the bound is 2s\n%s", round, took, &log)
		}
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Fatalf("round %d: left behind: %v, %v", round, left, err)
		}
	}
}

// freeAddress is one that nothing listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func allLive(url string, want int) bool {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	var cameras []frame.Status
	if json.NewDecoder(resp.Body).Decode(&cameras) != nil {
		return false
	}
	live := 0
	for _, camera := range cameras {
		if camera.State == frame.StateLive {
			live++
		}
	}
	return live == want
}
