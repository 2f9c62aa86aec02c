package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Clients as other people would write them.

type dial func(ctx context.Context, network, addr string) (net.Conn, error)

func httpClient(t testing.TB, d dial) *http.Client {
	tr := &http.Transport{DialContext: d, DisableCompression: true, ReadBufferSize: 4096}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// part is one picture of a multipart stream.
type part struct {
	seq      uint64
	captured time.Time
	at       time.Time
	data     []byte
}

// mjpeg reads a multipart stream with the standard library and hands every part over.
func mjpeg(ctx context.Context, client *http.Client, url string, got func(part)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/x-mixed-replace" {
		return fmt.Errorf("content type %q: %w", kind, err)
	}
	reader := multipart.NewReader(resp.Body, params["boundary"])
	for {
		p, err := reader.NextRawPart()
		if err != nil {
			return err
		}
		length, err := strconv.Atoi(p.Header.Get("Content-Length"))
		if err != nil {
			return err
		}
		data := make([]byte, length)
		if _, err := io.ReadFull(p, data); err != nil {
			return err
		}
		at := time.Now()
		seq, err := strconv.ParseUint(p.Header.Get("Lens-Seq"), 10, 64)
		if err != nil {
			return err
		}
		ns, err := strconv.ParseInt(p.Header.Get("Lens-Captured"), 10, 64)
		if err != nil {
			return err
		}
		got(part{seq, time.Unix(0, ns), at, data})
	}
}

// wsMessage is a text message of the server with, for a frame, its picture.
type wsMessage struct {
	Type       string  `json:"type"`
	N          uint64  `json:"n"`
	Epoch      string  `json:"epoch"`
	Seq        uint64  `json:"seq"`
	CapturedMS float64 `json:"captured_ms"`
	SentMS     float64 `json:"sent_ms"`
	Width      int     `json:"width"`
	Height     int     `json:"height"`
	Bytes      int     `json:"bytes"`
	Missed     uint64  `json:"missed"`
	Skipped    uint64  `json:"skipped"`
	AgeMS      float64 `json:"age_ms"`

	UncertaintyMS float64 `json:"uncertainty_ms"`

	Live     bool    `json:"live"`
	State    string  `json:"state"`
	Reason   string  `json:"reason"`
	T        float64 `json:"t"`
	ServerMS float64 `json:"server_ms"`

	// Of a replay:
	Recorded   bool    `json:"recorded"`
	Re         uint64  `json:"re"`
	Playing    bool    `json:"playing"`
	Speed      float64 `json:"speed"`
	PositionMS float64 `json:"position_ms"`
	End        bool    `json:"end"`
	Begin      bool    `json:"begin"`
	Error      string  `json:"error"`
	Gap        *struct {
		Missing uint64 `json:"missing"`
		Reason  string `json:"reason"`
	} `json:"gap"`

	data []byte
	at   time.Time
}

func (m *wsMessage) String() string {
	if m == nil {
		return "no message"
	}
	text, _ := json.Marshal(m)
	return string(text)
}

func (m *wsMessage) age() time.Duration {
	return m.at.Sub(time.UnixMicro(int64(m.CapturedMS * 1000)))
}

// socketClient is a browser's end of the WebSocket.
type socketClient struct {
	*websocket.Conn
	ack bool
}

func dialSocket(ctx context.Context, t testing.TB, addr, path string, d dial, ack bool) (*socketClient, error) {
	url := "ws://" + addr + path
	if ack {
		url += "?ack=1" // path has no query then
	}
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: httpClient(t, d)})
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("%s: %w", resp.Status, err)
		}
		return nil, err
	}
	ws.SetReadLimit(16 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &socketClient{ws, ack}, nil
}

// next returns the next message, a frame's picture with it, and acknowledges that where asked to.
func (c *socketClient) next(ctx context.Context) (*wsMessage, error) {
	kind, data, err := c.Read(ctx)
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, fmt.Errorf("a binary message of %d bytes without its text", len(data))
	}
	m := new(wsMessage)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w", data, err)
	}
	if m.Type == "frame" {
		kind, picture, err := c.Read(ctx)
		if err != nil {
			return nil, err
		}
		if kind != websocket.MessageBinary || len(picture) != m.Bytes {
			return nil, fmt.Errorf("after %s: %v of %d bytes", data, kind, len(picture))
		}
		m.data = picture
		if c.ack {
			if err := c.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"ack","n":%d}`, m.N)); err != nil {
				return nil, err
			}
		}
	}
	m.at = time.Now()
	return m, nil
}

func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

// get makes one request and returns the answer with its body.
func get(t testing.TB, url string, header http.Header) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := httpClient(t, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// raw sends bytes as they are and returns the connection to read the answer from.
func raw(t testing.TB, addr, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}
