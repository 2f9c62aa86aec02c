package nemesis

import (
	"bufio"
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
	// FullHD are so many pictures of 1920x1080, made before the first is published and then published
	// in turn, in place of those that are made for every frame and say which it is.
	FullHD int

	pauses []chan *pause // one a camera
	made   [][]byte
}

// pause is a time in which nothing is published.
type pause struct {
	begun sync.WaitGroup // of all cameras: it is known how all their frames came out
	over  chan struct{}
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
	for range c.IDs {
		c.pauses = append(c.pauses, make(chan *pause))
	}
	go func() {
		defer cancel()
		c.obey(os.Stdin)
	}()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// obey reads orders until there are no more: "pause" and "go", one after the other. It says
// "paused N" when nothing is on the way any more, for the Nth time.
func (c cameras) obey(orders io.Reader) {
	lines := bufio.NewScanner(orders) // ends with the test, however it ends
	var now *pause
	for n := 1; lines.Scan(); {
		if lines.Text() == "go" {
			close(now.over)
			now = nil
			continue
		}
		now = &pause{over: make(chan struct{})}
		now.begun.Add(len(c.pauses))
		for _, camera := range c.pauses {
			camera <- now
		}
		now.begun.Wait()
		fmt.Fprintln(os.Stderr, "paused", n)
		n++
	}
	if now != nil {
		close(now.over)
	}
}

func (c cameras) run(ctx context.Context) (err error) {
	for i := range c.FullHD {
		data, err := fullHD(i)
		if err != nil {
			return err
		}
		c.made = append(c.made, data)
	}
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
	for i, id := range c.IDs {
		all.Go(func() {
			failed := c.publish(ctx, conn, id, c.pauses[i], j)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, failed)
		})
	}
	all.Wait()
	return err
}

// publish is one camera's life.
func (c cameras) publish(ctx context.Context, conn *bus.Conn, id frame.CameraID, pauses <-chan *pause, j *journal) error {
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
	settle := func() {
		for out.StoredStats().InFlight > 0 {
			<-told // or the outcome is a timeout
		}
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / c.FPS))
	defer tick.Stop()
	n := name{camera: id, epoch: frame.NewEpoch(), seq: 1}
	var unsent uint64 // pictures that could not leave since the last frame that did
	for {
		select {
		case <-ctx.Done():
			settle()
			return nil
		case p := <-pauses:
			settle()
			p.begun.Done()
			<-p.over
		case <-tick.C:
		}
		f := frame.Frame{
			Camera: id, Epoch: n.epoch, Seq: n.seq, Captured: time.Now(),
			Codec: frame.JPEG, Width: pictureWidth, Height: pictureHeight, Key: true, Unsent: unsent,
		}
		if len(c.made) > 0 {
			f.Width, f.Height, f.Data = 1920, 1080, c.made[n.seq%uint64(len(c.made))]
		} else {
			f.Data = newPicture(n, c.Bytes)
		}
		j.write("sent", n, strconv.FormatInt(f.Captured.UnixNano(), 10))
		switch err := out.PublishStored(context.Background(), &f); { // what has begun is to leave whole
		case err == nil:
			n.seq++
			unsent = 0
		case errors.Is(err, bus.ErrDisconnected):
			j.write("offline", n, "")
			unsent++
		default:
			return err
		}
	}
}
