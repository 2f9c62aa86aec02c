//go:build opencv

package opencv

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/publisher/source"
)

func rtsp(address string) source.Spec {
	return source.Spec{Kind: source.KindRTSP, Address: address}
}

func TestRTSPThatCannotBeReachedIsAClearError(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Close()
	for _, test := range []struct{ name, address, want string }{
		{"refused", "rtsp://admin:hunter2@" + refused.Addr().String() + "/live", "connection refused"},
		{"no such name", "rtsp://admin:hunter2@camera.invalid/live", "name is not known"},
		{"no host", "rtsp://admin:hunter2@/live", "not an URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := OpenRTSP(t.Context(), rtsp(test.address), source.Env{OpenTimeout: 5 * time.Second})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q, want %q and no password", err, test.want)
			}
		})
	}
}

func TestRTSPThatAcceptsAndNeverAnswersEnds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	started := time.Now()
	_, err = OpenRTSP(t.Context(), rtsp("rtsp://"+silent.Addr().String()+"/live"), source.Env{OpenTimeout: 2 * time.Second})
	if took := time.Since(started); err == nil || took > 3*time.Second {
		t.Errorf("error %v after %v, want one within the 2 s of OpenTimeout", err, took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	started = time.Now()
	_, err = OpenRTSP(ctx, rtsp("rtsp://"+silent.Addr().String()+"/live"), source.Env{OpenTimeout: 3 * time.Second})
	if took := time.Since(started); err == nil || took > 2*time.Second {
		t.Errorf("error %v after %v, want one when the context ends", err, took)
	}
}

func TestRTSPDeliversRealFootageUntilItStops(t *testing.T) {
	camera := newRTSPCamera(t, footage(t))
	env := source.Env{OpenTimeout: 10 * time.Second, ReadTimeout: 2 * time.Second}
	src := opened(t, OpenRTSP, rtsp("rtsp://admin:hunter2@"+camera.address+"/live"), env)
	for range 10 {
		if _, info := next(t, src); info.Width != 560 || info.Height != 320 {
			t.Fatalf("picture of %dx%d, want 560x320", info.Width, info.Height)
		}
	}
	if info := src.Info(); info.Width != 560 || info.Height != 320 || info.Untouched {
		t.Errorf("Info %+v", info)
	}
	camera.mute() // the connection stays, the pictures do not
	started := time.Now()
	for {
		_, err := src.Next(t.Context())
		if err == nil {
			continue // was under way
		}
		if took := time.Since(started); took > 4*time.Second {
			t.Errorf("Next ended after %v, ReadTimeout is 2 s", took)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %q shows the password", err)
		}
		return
	}
}

// rtspCamera is a network camera: ffmpeg sends a recording as RTP, and this hands it on inside the
// RTSP connection.
type rtspCamera struct {
	address string
	sdp     string
	packets net.PacketConn
	mu      sync.Mutex
	viewer  net.Conn // nil: nobody watches
}

func newRTSPCamera(t *testing.T, recording string) *rtspCamera {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("SKIPPED: needs the program ffmpeg to play a network camera (package ffmpeg)")
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sdp := filepath.Join(t.TempDir(), "camera.sdp")
	cmd := exec.Command(ffmpeg, "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", recording,
		"-an", "-c:v", "mpeg4", "-g", "10", "-q:v", "5", "-sdp_file", sdp, "-f", "rtp", "rtp://"+packets.LocalAddr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &rtspCamera{address: listener.Addr().String(), packets: packets}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = listener.Close()
		_ = packets.Close()
		c.mute()
		running.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		text, _ := os.ReadFile(sdp)
		if strings.Contains(string(text), "a=fmtp") {
			c.sdp = strings.ReplaceAll(string(text), "SDP:\n", "")
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("ffmpeg describes no stream")
		}
		_ = packets.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _, _ = packets.ReadFrom(make([]byte, 2048)) // wait for something to happen
	}
	_ = packets.SetReadDeadline(time.Time{})
	running.Go(c.relay)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.serve(conn) })
		}
	})
	return c
}

// mute ends the pictures and leaves the connection open.
func (c *rtspCamera) mute() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.viewer = nil
}

func (c *rtspCamera) relay() {
	packet := make([]byte, 65536)
	for {
		n, _, err := c.packets.ReadFrom(packet[4:])
		if err != nil {
			return
		}
		packet[0], packet[1] = '$', 0
		binary.BigEndian.PutUint16(packet[2:], uint16(n))
		c.mu.Lock()
		if c.viewer != nil {
			_, _ = c.viewer.Write(packet[:4+n])
		}
		c.mu.Unlock()
	}
}

func (c *rtspCamera) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	reader := textproto.NewReader(bufio.NewReader(conn))
	for {
		line, err := reader.ReadLine()
		if err != nil {
			return
		}
		header, err := reader.ReadMIMEHeader()
		if err != nil {
			return
		}
		method, _, _ := strings.Cut(line, " ")
		extra, body := "", ""
		switch method {
		case "DESCRIBE":
			extra, body = "Content-Type: application/sdp\r\n", c.sdp
		case "SETUP":
			extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
		case "OPTIONS":
			extra = "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
		}
		reply := fmt.Sprintf("RTSP/1.0 200 OK\r\nCSeq: %s\r\n%sContent-Length: %d\r\n\r\n%s", header.Get("Cseq"), extra, len(body), body)
		if _, err := conn.Write([]byte(reply)); err != nil || method == "TEARDOWN" {
			return
		}
		if method == "PLAY" {
			c.mu.Lock()
			c.viewer = conn
			c.mu.Unlock()
		}
	}
}
