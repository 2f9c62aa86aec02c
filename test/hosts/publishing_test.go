//go:build hosts

package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher"
)

// assignment is what a role does; each has use for some of it.
type assignment struct {
	Cameras     []frame.CameraID
	Credentials string // a file; empty: the broker of this host, without users
	FPS         float64
	Bytes       int
	Listen      string        // of a camera
	Skew        time.Duration // by which a publisher's clock is ahead
	URL         string        // of a page, or of a camera
	Token       string
	CA          string
	Log         string // more than errors
}

// number is that of the picture after the one of that number: the next, or, after a start or a time in
// which none could be made, the one that the clock says, so that what was left out has its numbers too.
func (a assignment) number(before uint64, now time.Time) uint64 {
	due := uint64(float64(now.UnixMilli()) / 1000 * a.FPS)
	if due > before+2 {
		return due
	}
	return before + 1
}

func logger() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

func (a assignment) connect(ctx context.Context, name string) (*bus.Conn, error) {
	if a.Credentials == "" {
		return bus.Connect(ctx, bus.Options{Server: "nats://127.0.0.1:4222", Name: name, Log: logger()})
	}
	credentials, err := auth.ReadCredentials(a.Credentials)
	if err != nil {
		return nil, err
	}
	return bus.Connect(ctx, bus.Options{Credentials: &credentials, Name: name, Log: logger()})
}

// camera is a camera on the network: MJPEG over HTTP, at a steady rate whoever watches. Who is slow gets
// the newest when he can take it, as far as its network stack can tell.
func (a assignment) camera() error {
	var mu sync.Mutex
	var newest []byte
	changed := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / a.FPS))
		for number := uint64(0); ; {
			now := <-tick.C
			number = a.number(number, now)
			data := newPicture(named{string(a.Cameras[0]), number, now}, a.Bytes)
			mu.Lock()
			newest = data
			close(changed)
			changed = make(chan struct{})
			mu.Unlock()
		}
	}()
	server := http.Server{
		Addr: a.Listen,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10) // as small as in a camera
			return ctx
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=picture")
			for r.Context().Err() == nil {
				mu.Lock()
				wait := changed
				mu.Unlock()
				<-wait
				mu.Lock()
				data := newest
				mu.Unlock()
				if _, err := fmt.Fprintf(w, "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", len(data)); err != nil {
					return
				}
				if _, err := w.Write(append(data, "\r\n"...)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		}),
	}
	return server.ListenAndServe()
}

// skewed is a publisher whose machine's clock is wrong.
func (a assignment) skewed() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conn, err := a.connect(ctx, "skewed")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return publisher.Run(ctx, publisher.Config{Cameras: map[frame.CameraID]publisher.CameraConfig{
		a.Cameras[0]: {Source: a.URL, Record: &publisher.RecordConfig{}},
	}}, publisher.Deps{Bus: conn, Log: logger(), Now: func() time.Time { return time.Now().Round(0).Add(a.Skew) }})
}

// proof is a publisher of its own pictures that writes down which of them the broker has confirmed:
//
//	sent EPOCH SEQ SHOWN     it has left
//	stored EPOCH SEQ         the broker has it
func (a assignment) proof() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conn, err := a.connect(ctx, "proof")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	id := a.Cameras[0]
	to, err := conn.Publisher(id)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	to.TellStored(func(o bus.StoredOutcome) {
		if o.Reason == "" {
			note("stored %s %d", o.Epoch, o.Seq)
		}
	})
	tick := time.NewTicker(time.Duration(float64(time.Second) / a.FPS))
	defer tick.Stop()
	f := frame.Frame{Camera: id, Epoch: frame.NewEpoch(), Seq: 1, Codec: frame.JPEG, Width: 64, Height: 48, Key: true}
	for number := uint64(0); ; {
		select {
		case <-ctx.Done():
			for deadline := time.Now().Add(6 * time.Second); to.StoredStats().InFlight > 0 && time.Now().Before(deadline); {
				<-tick.C
			}
			return nil
		case f.Captured = <-tick.C:
		}
		f.Captured = f.Captured.Round(0)
		number = a.number(number, f.Captured)
		f.Data = newPicture(named{string(id), number, f.Captured}, a.Bytes)
		note("sent %s %d %d %d", f.Epoch, f.Seq, number, f.Captured.UnixNano())
		switch err := to.PublishStored(ctx, &f); {
		case err == nil:
			f.Seq++
		case !errors.Is(err, bus.ErrDisconnected):
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// stored prints how many frames of a camera the broker has stored.
func (a assignment) stored() error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	conn, err := a.connect(ctx, "stored")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	js, err := jetstream.New(conn.NATS())
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, a.Cameras[0].StreamName())
	if err != nil {
		return err
	}
	fmt.Println(stream.CachedInfo().State.LastSeq)
	return nil
}

// get prints what a path answers.
func (a assignment) get() error {
	response, err := (&http.Client{Timeout: 5 * time.Second}).Get(a.URL)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
