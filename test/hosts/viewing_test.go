//go:build hosts

package hosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/lensbus/lensbus/frame"
)

// notes are what a viewer has seen, a line a picture:
//
//	camera number shown captured arrived age uncertainty seq epoch
//
// times in Unix nanoseconds, captured by the publisher's clock; age as the viewer takes it to be, in
// nanoseconds, and how wrong that may be, -1 where it does not know; seq and epoch as the publisher gave them. A picture that is not what a camera
// showed is the line "bad".
type notes struct{ mu sync.Mutex }

func (n *notes) picture(data []byte, epoch string, seq uint64, captured, arrived time.Time, age, uncertainty time.Duration) {
	line := "bad\n"
	if p, ok := readPicture(data); ok {
		line = fmt.Sprintln(p.camera, p.number, p.shown.UnixNano(), captured.UnixNano(), arrived.UnixNano(), age.Nanoseconds(), uncertainty.Nanoseconds(), seq, epoch)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = os.Stdout.WriteString(line)
}

// viewer watches cameras through package bus, as window and page do.
func (a assignment) viewer() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conn, err := a.connect(ctx, "viewer")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var all sync.WaitGroup
	defer all.Wait()
	to := new(notes)
	for _, id := range a.Cameras {
		live, err := conn.Live(id)
		if err != nil {
			return err
		}
		defer func() { _ = live.Close() }()
		all.Go(func() {
			for {
				f, err := live.Next(ctx)
				if err != nil {
					return
				}
				arrived := time.Now()
				age, uncertainty := time.Duration(-1), time.Duration(-1)
				if offset, known := conn.Offset(id); known {
					age, uncertainty = offset.Age(f.Captured, arrived), offset.Uncertainty
				}
				to.picture(f.Data, f.Epoch, f.Seq, f.Captured, arrived, age, uncertainty)
			}
		})
	}
	<-ctx.Done()
	return nil
}

// browser watches cameras through a page's WebSockets, as a browser does: it acknowledges what it has,
// and connects again when nothing has come for a while or the connection has ended.
func (a assignment) browser() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ca, err := os.ReadFile(a.CA)
	if err != nil {
		return err
	}
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: known}}}
	var all sync.WaitGroup
	defer all.Wait()
	to := new(notes)
	for _, id := range a.Cameras {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := a.watch(ctx, client, id, to); err != nil && ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, time.Now().Format(time.RFC3339Nano), id, err)
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
			}
		})
	}
	<-ctx.Done()
	return nil
}

// browserWait is how long a browser without a word of the page waits before it connects anew.
const browserWait = 10 * time.Second

func (a assignment) watch(ctx context.Context, client *http.Client, id frame.CameraID, to *notes) error {
	dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(dialing, strings.Replace(a.URL, "https", "wss", 1)+"/cameras/"+string(id)+"/live?ack=1",
		&websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Authorization": {"Bearer " + a.Token}}})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(16 << 20)
	var said struct {
		Type       string   `json:"type"`
		N          uint64   `json:"n"`
		Epoch      string   `json:"epoch"`
		Seq        uint64   `json:"seq"`
		CapturedMS float64  `json:"captured_ms"`
		SentMS     float64  `json:"sent_ms"`
		AgeMS      *float64 `json:"age_ms"`
		Wrong      *float64 `json:"uncertainty_ms"`
	}
	milliseconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	for {
		reading, cancel := context.WithTimeout(ctx, browserWait)
		kind, data, err := ws.Read(reading)
		cancel()
		if err != nil {
			return err
		}
		if kind == websocket.MessageText {
			said.AgeMS, said.Wrong = nil, nil
			if err := json.Unmarshal(data, &said); err != nil {
				return err
			}
			continue
		}
		arrived := time.Now()
		age, uncertainty := time.Duration(-1), time.Duration(-1)
		if said.AgeMS != nil && said.Wrong != nil { // the page's clock is this machine's
			age, uncertainty = milliseconds(*said.AgeMS)+arrived.Sub(time.UnixMilli(0).Add(milliseconds(said.SentMS))), milliseconds(*said.Wrong)
		}
		to.picture(data, said.Epoch, said.Seq, time.UnixMilli(0).Add(milliseconds(said.CapturedMS)), arrived, age, uncertainty)
		if err := wsjson.Write(ctx, ws, map[string]any{"type": "ack", "n": said.N}); err != nil {
			return err
		}
	}
}
