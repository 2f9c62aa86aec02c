package web

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/archive"
)

// exported is what an Archive exports.
func exported(a *archive.Archive, from, to time.Time) []byte {
	var b bytes.Buffer
	for _, f := range a.Frames(from, to) {
		b.Write(f.Data)
	}
	return b.Bytes()
}

func TestExport(t *testing.T) {
	b, a := recordedBed(t, Config{})
	from, to := recordedFrom().Add(time.Second), recordedFrom().Add(2*time.Second)
	url := "http://" + b.addr + "/cameras/front/export.mp4?from=2026-11-22T10:00:01Z&to=2026-11-22T10:00:02Z"
	resp, body := get(t, url, nil)
	if resp.StatusCode != http.StatusOK || !bytes.Equal(body, exported(a, from, to)) {
		t.Errorf("%s, %d bytes, want %d", resp.Status, len(body), len(exported(a, from, to)))
	}
	for header, want := range map[string]string{
		"Content-Type":           "video/mp4",
		"Content-Disposition":    `attachment; filename="front-20261122T100001.000Z-to-20261122T100002.000Z.mp4"`,
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if resp, body = get(t, "http://"+b.addr+"/cameras/front/export.mp4", nil); !bytes.Equal(body, exported(a, time.Time{}, time.Time{})) || resp.Header.Get("Content-Disposition") != `attachment; filename="front.mp4"` {
		t.Errorf("all there is: %s, %d bytes, %s", resp.Status, len(body), resp.Header.Get("Content-Disposition"))
	}
	for query, want := range map[string]int{"": http.StatusOK, "?from=2026-11-22T11:00:00Z": http.StatusNotFound} {
		resp, err := http.Head("http://" + b.addr + "/cameras/front/export.mp4" + query)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("HEAD %s: %s, want %d", query, resp.Status, want)
		}
	}
}

// Nobody takes half a file for a whole one.
func TestExportThatFails(t *testing.T) {
	b, a := recordedBed(t, Config{})
	a.Cut(20)
	resp, err := httpClient(t, nil).Get("http://" + b.addr + "/cameras/front/export.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil {
		t.Errorf("an export that fails in the middle ends like a whole one, after %d bytes", len(got))
	}
	waitFor(t, "the viewer to be gone", patience, func() bool { return visitors(b) == 0 })
}

func visitors(b *bed) int {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return len(b.server.visits)
}

// A client that goes ends the export, at the recorder too; and there are only so many at a time.
func TestExportEndsWithItsClient(t *testing.T) {
	b, a := recordedBed(t, Config{})
	big := jpegOf(t, 64, 48, 400_000)
	a.Fill(recordedFrom().Add(time.Hour), 10, 200, 1000, func(uint64) []byte { return big })
	var open []io.Closer
	for range DefaultMaxExports {
		conn, answer := raw(t, b.addr, "GET /cameras/front/export.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if line, err := answer.ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
		open = append(open, conn) // and takes no more
	}
	if resp, body := get(t, "http://"+b.addr+"/cameras/front/export.mp4", nil); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %s, %d bytes", resp.Status, len(body))
	}
	if got := a.Running(); got != DefaultMaxExports {
		t.Errorf("%d exports run", got)
	}
	for _, c := range open {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	waitFor(t, "the recorder to be left alone", patience, func() bool { return a.Running() == 0 && visitors(b) == 0 })
	if resp, _ := get(t, "http://"+b.addr+"/cameras/front/export.mp4?to=2026-11-22T10:00:02Z", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("after them: %s", resp.Status)
	}
}

// A client that takes nothing for too long is dropped.
func TestExportToAClientThatStalls(t *testing.T) {
	b, a := recordedBed(t, Config{Stall: 300 * time.Millisecond})
	big := jpegOf(t, 64, 48, 400_000)
	a.Fill(recordedFrom().Add(time.Hour), 10, 200, 1000, func(uint64) []byte { return big })
	raw(t, b.addr, "GET /cameras/front/export.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	waitFor(t, "the export to begin", patience, func() bool { return a.Running() == 1 })
	waitFor(t, "the export to end", patience, func() bool { return a.Running() == 0 && visitors(b) == 0 })
}

// The server ends while files are being taken away.
func TestExportAtTheEndOfTheServer(t *testing.T) {
	b, a := recordedBed(t, Config{})
	big := jpegOf(t, 64, 48, 400_000)
	a.Fill(recordedFrom().Add(time.Hour), 10, 200, 1000, func(uint64) []byte { return big })
	raw(t, b.addr, "GET /cameras/front/export.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	waitFor(t, "the export to begin", patience, func() bool { return a.Running() == 1 })
	b.end()
	waitFor(t, "the export to end", patience, func() bool { return a.Running() == 0 && visitors(b) == 0 })
}
