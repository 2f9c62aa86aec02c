package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/test/proc"
	"github.com/lensbus/lensbus/test/screen"
)

// TestHostileMessages: while somebody floods a camera's subjects and those of others with what is no
// frame, everybody who watches goes on with the good frames, and takes no memory for the bad.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	pictures := noise(t, 4, 320, 240, 75)
	broker := start(t, "broker", "--listen", "127.0.0.1:0")
	url := broker.brokerURL()
	publisher := start(t, "publish", "--server", url, "--camera", "good="+newCamera(t, 20, pictures).url)
	web := start(t, "web", "--server", url, "--listen", "127.0.0.1:0")
	page := web.pageURL()
	watcher := startViewer(t, url, "good")
	from := watcher.steady()
	roles := []*process{broker, publisher, web, watcher.process}
	if lensbus(t).opencv {
		// By name too: a camera that only garbage comes from.
		roles = append(roles, openWindow(t, screen.Start(t, 640, 480), url, "good", "bad"))
	}
	browser, ws := openStream(t, page, "good"), openSocket(t, page, "good")
	var flood sync.WaitGroup
	stop := make(chan struct{})
	bad := hostile(noise(t, 1, 64, 48, 75)[0])
	nc := connect(t, url)
	flood.Go(func() { // four times a second, all of it
		for {
			for _, m := range bad {
				_ = nc.PublishMsg(m)
			}
			_ = nc.Flush()
			select {
			case <-stop:
				return
			case <-time.After(250 * time.Millisecond):
			}
		}
	})
	defer func() { close(stop); flood.Wait() }()

	began := time.Now()
	for p := browser.next(); p.captured.Sub(began) < 3*time.Second; p = browser.next() {
		if img := pixels(t, p.data); !sameSize(img, 320, 240) {
			t.Fatalf("a browser has a picture of %v", img.Bounds())
		}
		said, data := ws.next()
		if img := pixels(t, data); !sameSize(img, said.Width, said.Height) {
			t.Fatalf("a browser has a picture of %v that says %+v", img.Bounds(), said)
		}
	}
	// The broker's newest message may be a bad one: then the answer is one line, never a bad picture.
	taken := 0
	eventually(t, "snapshots of good pictures", func() bool {
		code, stdout, stderr := answer(t, "snapshot", "good", "-o", "-", "--server", url)
		checkOneLine(t, stderr)
		switch {
		case code == 0 && sameSize(pixels(t, []byte(stdout)), 320, 240):
			taken++
		case code != 1 || stdout != "":
			t.Errorf("snapshot: exit code %d, %d bytes, %s", code, len(stdout), stderr)
		}
		return taken >= 3
	})
	if code, stdout, _ := answer(t, "snapshot", "bad", "-o", "-", "--server", url); code != 1 || stdout != "" {
		t.Errorf("snapshot of garbage: exit code %d, %d bytes", code, len(stdout))
	}
	code, body := get(t, page+"/api/cameras")
	if list := decode[[]frame.Status](t, body); code != 200 || len(list) != 1 || list[0].ID != "good" {
		t.Errorf("/api/cameras: %d %s", code, body)
	}
	if code, stdout, _ := answer(t, "cameras", "--server", url); code != 0 || strings.ContainsAny(stdout, "\x1b\r") || strings.Count(stdout, "\n") != 2 {
		t.Errorf("cameras: exit code %d, %q", code, stdout)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/"} {
		if code, _ := get(t, page+path); code != 200 {
			t.Errorf("%s: %d", path, code)
		}
	}
	if missed := watcher.gaps(from); missed > 0 {
		t.Errorf("the viewer missed %d good frames", missed)
	}
	for _, p := range roles {
		if !p.running() {
			t.Errorf("%s has ended: %s", p, last(p.stderr.String()))
		} else if peak := peakMemory(t, p); peak > 500<<20 {
			t.Errorf("%s took %d MB", p, peak>>20)
		}
	}
}

// hostile returns messages that are no frames and no statuses, on the subjects of a good camera and
// of some that do not exist. picture is one of 64x48 pixels.
func hostile(picture []byte) []*nats.Msg {
	header := func(change func(nats.Header)) nats.Header {
		h := nats.Header{
			frame.HeaderSeq: {"1"}, frame.HeaderEpoch: {"hostile"}, frame.HeaderCaptured: {strconv.FormatInt(time.Now().UnixNano(), 10)},
			frame.HeaderCodec: {"jpeg"}, frame.HeaderWidth: {"64"}, frame.HeaderHeight: {"48"}, frame.HeaderKey: {"1"},
		}
		if change != nil {
			change(h)
		}
		return h
	}
	var all []*nats.Msg
	add := func(h nats.Header, data []byte) {
		for _, subject := range []string{"cam.good.frame", "cam.bad.frame"} {
			all = append(all, &nats.Msg{Subject: subject, Header: h, Data: data})
		}
	}
	add(nil, nil)
	add(nil, picture)
	for name := range header(nil) {
		add(header(func(h nats.Header) { delete(h, name) }), picture)
		for _, value := range []string{"", "-1", "0", "garbage", "99999999999999999999999999", "1e9", "1 1", "0x1", strings.Repeat("9", 60_000)} {
			if name == frame.HeaderEpoch && value != "" && len(value) < 100 && value != "1 1" {
				continue // which an epoch may be
			}
			add(header(func(h nats.Header) { h[name] = []string{value} }), picture)
		}
		add(header(func(h nats.Header) { h[name] = append(h[name], h[name]...) }), picture)
	}
	for _, data := range [][]byte{
		nil, []byte("no picture"), picture[:len(picture)/2], picture[:3], picture[2:],
		bytes.Repeat([]byte{0xFF}, 1<<20), bytes.Repeat([]byte{0xFF, 0xD8}, 1<<10),
	} {
		add(header(nil), data)
	}
	bomb := claim(picture, 65500, 65500)
	add(header(nil), bomb)
	add(header(func(h nats.Header) {
		h[frame.HeaderWidth], h[frame.HeaderHeight] = []string{"65500"}, []string{"65500"}
	}), bomb)
	add(header(func(h nats.Header) { h[frame.HeaderWidth] = []string{"63"} }), picture)
	for _, id := range []string{"GOOD", "a.b", strings.Repeat("a", 33), "ä", "-", "good.frame"} {
		all = append(all, &nats.Msg{Subject: "cam." + id + ".frame", Header: header(nil), Data: picture},
			&nats.Msg{Subject: "cam." + id + ".status", Data: []byte(`{"id":"` + id + `","state":"live"}`)})
	}
	for _, text := range []string{
		"", "null", "[]", "{", `{"id":"good"}`, `{"id":"other","state":"live"}`, `{"id":"bad","state":"on fire"}`,
		`{"id":"bad","state":"live","width":-5}`, `{"id":"bad","state":"live","fps":1e999}`, strings.Repeat("[", 60_000),
		`{"id":"bad","state":"live","reason":"` + strings.Repeat("x", 100_000) + `"}`,
		`{"id":"bad","state":"live","dropped":{"a{b=\"c\"}":1}}`,
	} {
		all = append(all, &nats.Msg{Subject: "cam.bad.status", Data: []byte(text)}, &nats.Msg{Subject: "cam.good.status", Data: []byte(strings.ReplaceAll(text, "bad", "worse"))})
	}
	return all
}

// claim returns the picture with another size in its header.
func claim(picture []byte, width, height uint16) []byte {
	i := bytes.Index(picture, []byte{0xFF, 0xC0}) // SOF0: marker, length, precision, height, width
	lying := bytes.Clone(picture)
	binary.BigEndian.PutUint16(lying[i+5:], height)
	binary.BigEndian.PutUint16(lying[i+7:], width)
	return lying
}

// peakMemory is the most memory that the process has had, in bytes.
func peakMemory(t *testing.T, p *process) int64 {
	t.Helper()
	bytes, err := proc.PeakMemory(p.cmd.Process.Pid)
	if err != nil {
		t.Logf("NOT TESTED: the memory of %s: %v", p, err)
	}
	return bytes
}

// pause waits for the next turn of so many a second; false when ctx is done.
func pause(ctx context.Context, fps int) bool {
	timer := time.NewTimer(time.Second / time.Duration(fps))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
