package nemesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// publisherConfig is the variable that makes this program a publisher: its cameras as JSON.
const publisherConfig = "LENSBUS_NEMESIS_PUBLISHER"

// cameras are what a publisher process publishes.
type cameras struct {
	Server  string
	IDs     []frame.CameraID
	FPS     float64
	Bytes   int
	Journal string
}

// publisherMain publishes until its standard input ends, waits until it is known how all frames came
// out, and ends.
func publisherMain(config string) (code int) {
	var c cameras
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test, however it ends
		cancel()
	}()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (c cameras) run(ctx context.Context) (err error) {
	j, err := openJournal(c.Journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	conn, err := bus.Connect(context.Background(), bus.Options{Server: c.Server, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, id := range c.IDs {
		all.Go(func() {
			failed := c.publish(ctx, conn, id, j)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, failed)
		})
	}
	all.Wait()
	return err
}

// publish is one camera's life.
func (c cameras) publish(ctx context.Context, conn *bus.Conn, id frame.CameraID, j *journal) error {
	out, err := conn.Publisher(id)
	if err != nil {
		return err
	}
	told := make(chan struct{}, 1)
	out.TellStored(func(o bus.StoredOutcome) {
		n := name{camera: id, epoch: o.Epoch, seq: o.Seq}
		if o.Reason == "" {
			j.write("stored", n, strconv.FormatUint(o.Stored, 10))
		} else {
			j.write("unstored", n, string(o.Reason))
		}
		select {
		case told <- struct{}{}:
		default:
		}
	})
	tick := time.NewTicker(time.Duration(float64(time.Second) / c.FPS))
	defer tick.Stop()
	n := name{camera: id, epoch: frame.NewEpoch(), seq: 1}
	for {
		select {
		case <-ctx.Done():
			for out.StoredStats().InFlight > 0 {
				<-told // or the outcome is a timeout
			}
			return nil
		case <-tick.C:
		}
		f := frame.Frame{
			Camera: id, Epoch: n.epoch, Seq: n.seq, Captured: time.Now(),
			Codec: frame.JPEG, Width: pictureWidth, Height: pictureHeight, Key: true, Data: newPicture(n, c.Bytes),
		}
		j.write("sent", n, strconv.FormatInt(f.Captured.UnixNano(), 10))
		switch err := out.PublishStored(context.Background(), &f); { // what has begun is to leave whole
		case err == nil:
			n.seq++
		case errors.Is(err, bus.ErrDisconnected):
			j.write("offline", n, "")
		default:
			return err
		}
	}
}
