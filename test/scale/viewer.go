package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// viewerTarget is the environment variable that makes this program a viewer. It has a target as JSON.
const viewerTarget = "LENSBUS_SCALE_VIEWER"

// target is what one viewer watches.
type target struct {
	Watch  watching
	Server string // of NATS or, with grid, of the page
	IDs    []frame.CameraID
	Full   frame.CameraID // with grid: the camera that is watched at full size besides
}

// seen is what a viewer answers, once for each line that it is sent. All but Cameras is since the answer
// before.
type seen struct {
	Cameras  int    // of which a picture has come
	Received uint64 // pictures, previews too
	Missed   uint64 // full pictures that were sent and did not come
	Fetching bool   // the way is slower than the pictures
	AgesMS   []uint64
}

// oldest is where ages are not told apart any more, in milliseconds.
const oldest = 10_000

// viewer counts what it sees and shows nothing.
type viewer struct {
	mu       sync.Mutex
	cameras  map[frame.CameraID]bool
	received uint64
	missed   uint64
	ages     []uint64 // how many pictures were so many milliseconds old when they came
}

func (v *viewer) note(id frame.CameraID, captured time.Time, missed uint64) {
	age := max(0, min(time.Since(captured).Milliseconds(), oldest))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cameras[id] = true
	v.received++
	v.missed += missed
	v.ages[age]++
}

// take returns what came since the call before.
func (v *viewer) take() seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := seen{Cameras: len(v.cameras), Received: v.received, Missed: v.missed, AgesMS: v.ages}
	v.received, v.missed, v.ages = 0, 0, make([]uint64, oldest+1)
	return s
}

// viewerMain watches until its standard input ends.
func viewerMain(text string) int {
	ctx, cancel := context.WithCancel(context.Background())
	var t target
	v := &viewer{cameras: make(map[frame.CameraID]bool), ages: make([]uint64, oldest+1)}
	err := json.Unmarshal([]byte(text), &t)
	var running sync.WaitGroup
	watch := v.everyCamera
	if t.Watch == grid {
		watch = v.page
	}
	fetching := func() bool { return false }
	if err == nil {
		fetching, err = watch(ctx, t, &running)
	}
	lines := bufio.NewScanner(os.Stdin)
	for err == nil && lines.Scan() {
		now := v.take()
		now.Fetching = fetching()
		err = json.NewEncoder(os.Stdout).Encode(now)
	}
	cancel()
	running.Wait()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// everyCamera subscribes to all cameras at the broker.
func (v *viewer) everyCamera(ctx context.Context, t target, running *sync.WaitGroup) (fetching func() bool, err error) {
	conn, err := bus.Connect(ctx, bus.Options{Server: t.Server})
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	all := make([]*bus.Live, 0, len(t.IDs))
	for _, id := range t.IDs {
		live, err := conn.Live(id)
		if err != nil {
			return nil, err
		}
		all = append(all, live)
		running.Go(func() {
			var before frame.Frame
			for {
				f, err := live.Next(ctx)
				if err != nil {
					return
				}
				v.note(id, f.Captured, between(before.Epoch, f.Epoch, before.Seq, f.Seq))
				before = f
			}
		})
	}
	return func() bool {
		for _, live := range all {
			if live.Stats().Fetching {
				return true
			}
		}
		return false
	}, nil
}

// between is how many pictures there were between two.
func between(beforeEpoch, epoch string, before, now uint64) uint64 {
	if beforeEpoch != epoch || now <= before {
		return 0
	}
	return now - before - 1
}

// page watches as the page in a browser does: a WebSocket for each picture, and an acknowledgement as
// soon as it is there.
func (v *viewer) page(ctx context.Context, t target, running *sync.WaitGroup) (fetching func() bool, err error) {
	base := "ws" + strings.TrimPrefix(t.Server, "http") + "cameras/"
	for _, id := range t.IDs {
		if err := v.socket(ctx, base+string(id)+"/live?ack=1&preview=1", id, running); err != nil {
			return nil, err
		}
	}
	return func() bool { return false }, v.socket(ctx, base+string(t.Full)+"/live?ack=1", t.Full, running)
}

func (v *viewer) socket(ctx context.Context, url string, id frame.CameraID, running *sync.WaitGroup) error {
	conn, _, err := websocket.Dial(ctx, url, nil) //nolint:bodyclose // the library's own
	if err != nil {
		return err
	}
	conn.SetReadLimit(8 << 20)
	full := !strings.Contains(url, "preview")
	running.Go(func() {
		defer func() { _ = conn.CloseNow() }()
		if err := v.read(ctx, conn, id, full); ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, url, err)
		}
	})
	return nil
}

// read counts what comes until something is wrong, which it returns: ctx that is done, too.
func (v *viewer) read(ctx context.Context, conn *websocket.Conn, id frame.CameraID, full bool) error {
	var before, now struct {
		Type       string
		N          uint64
		Epoch      string
		Seq        uint64
		CapturedMS float64 `json:"captured_ms"`
	}
	for {
		kind, data, err := conn.Read(ctx)
		switch {
		case err != nil:
			return err
		case kind == websocket.MessageText:
			now.Type = ""
			if err := json.Unmarshal(data, &now); err != nil {
				return err
			}
			continue
		case now.Type != "frame":
			return errors.New("a picture of which nothing was said")
		}
		missed := uint64(0)
		if full {
			missed = between(before.Epoch, now.Epoch, before.Seq, now.Seq)
		}
		v.note(id, time.UnixMicro(int64(now.CapturedMS*1000)), missed)
		before = now
		if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":"ack","n":%d}`, now.N)); err != nil {
			return err
		}
	}
}

// ask asks a viewer what it has seen since the call before.
func (p *process) ask() (s seen, err error) {
	if _, err := p.in.Write([]byte("\n")); err != nil {
		return s, err
	}
	// One answer is one line, and no more comes unasked.
	if err := p.out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return s, err
	}
	line, err := bufio.NewReaderSize(p.out, 1<<20).ReadBytes('\n')
	if err != nil {
		return s, fmt.Errorf("%s: %w", p.name, err)
	}
	return s, json.Unmarshal(line, &s)
}
