package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/config/bytesize"
	"github.com/lensbus/lensbus/frame"
)

// benchLoad is so many cameras that send, and viewers who each watch all of them.
type benchLoad struct {
	cameras []frame.CameraID
	fps     float64
	bytes   int
	viewers int
	lasts   time.Duration
}

// benchResult is what came of a load. Frames a viewer did not see are missed, also those that it left out because
// the way to it is too slow for all.
type benchResult struct {
	Server    string  `json:"server"`
	Cameras   int     `json:"cameras"`
	FPS       float64 `json:"fps"`
	Bytes     int     `json:"bytes"`
	Viewers   int     `json:"viewers"`
	Seconds   float64 `json:"seconds"`
	Sent      uint64  `json:"sent"`
	Dropped   uint64  `json:"dropped"` // not sent, because those before had not left, or this machine had no time
	Received  uint64  `json:"received"`
	Missed    uint64  `json:"missed"`
	Fetching  int     `json:"fetching"`      // viewers that fetched the newest at the end, because the way is too slow for all
	AgeP50    float64 `json:"age_p50_ms"`    // from before a frame is sent until it is there
	AgeP99    float64 `json:"age_p99_ms"`    //
	AgeMost   float64 `json:"age_most_ms"`   //
	RoundTrip float64 `json:"round_trip_ms"` // of an empty message, before the load
}

// String is the result in lines for people.
func (r benchResult) String() string {
	rate := func(frames uint64) string {
		perSecond := float64(frames) / r.Seconds
		return fmt.Sprintf("%d frames, %.1f/s, %.1f MB/s", frames, perSecond, perSecond*float64(r.Bytes)/1e6)
	}
	wanted := float64(r.Received + r.Missed)
	return fmt.Sprintf("%-11s%s, a round trip is %.2f ms\n", "server", r.Server, r.RoundTrip) +
		fmt.Sprintf("%-11s%d cameras, %g frames/s each of %s, %d viewers of all, for %.1f s\n", "load", r.Cameras, r.FPS, bytesize.Bytes(r.Bytes), r.Viewers, r.Seconds) +
		fmt.Sprintf("%-11s%s; %d dropped\n", "sent", rate(r.Sent), r.Dropped) +
		fmt.Sprintf("%-11s%s; %d missed (%.2f %%); %d of %d viewers fetch\n", "received", rate(r.Received), r.Missed, 100*float64(r.Missed)/max(wanted, 1), r.Fetching, r.Viewers) +
		fmt.Sprintf("%-11sp50 %.1f ms, p99 %.1f ms, %.1f ms at most\n", "age", r.AgeP50, r.AgeP99, r.AgeMost)
}

// benchSettle is how long all viewers may take until they see every camera.
const benchSettle = 20 * time.Second

// run sends and watches, and returns what came of it while all viewers were watching. Its errors are the
// cameras' and viewers' connections', and that viewers have not seen every camera within benchSettle.
func (l benchLoad) run(ctx context.Context, cameras *bus.Conn, viewers []*bus.Conn) (benchResult, error) {
	trip, err := cameras.NATS().RTT()
	if err != nil {
		return benchResult{}, fmt.Errorf("time a round trip to the server: %w", err)
	}
	picture, err := benchPicture(l.bytes)
	if err != nil {
		return benchResult{}, err
	}
	var senders []*benchSender
	for _, id := range l.cameras {
		out, err := cameras.Publisher(id)
		if err != nil {
			return benchResult{}, fmt.Errorf("camera %s: %w", id, err)
		}
		senders = append(senders, &benchSender{out: out, id: id, epoch: frame.NewEpoch(), picture: picture})
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, running := errgroup.WithContext(ctx)
	watching := make([]*benchViewer, len(viewers))
	for i, conn := range viewers {
		v := &benchViewer{}
		watching[i] = v
		for _, id := range l.cameras {
			live, err := conn.Live(id)
			if err != nil {
				stop()
				return benchResult{}, errors.Join(fmt.Errorf("watch camera %s: %w", id, err), group.Wait())
			}
			v.lives = append(v.lives, live)
			v.began.Add(1)
			group.Go(func() error { return v.watch(running, live) })
		}
		defer v.close()
	}
	for i, sender := range senders { // evenly, as cameras that know nothing of each other are
		after := time.Duration(float64(time.Second) / l.fps * float64(i) / float64(len(senders)))
		group.Go(func() error { return sender.run(running, after, l.fps) })
	}
	measured, err := l.measured(running, senders, watching)
	stop()
	if ended := group.Wait(); ended != nil {
		return benchResult{}, ended
	}
	if err != nil {
		return benchResult{}, err
	}
	measured.Server, measured.RoundTrip = cameras.NATS().ConnectedUrlRedacted(), milliseconds(trip)
	return measured, nil
}

// measured waits until all viewers see all cameras, and returns what comes from then on.
func (l benchLoad) measured(ctx context.Context, senders []*benchSender, viewers []*benchViewer) (benchResult, error) {
	settled := make(chan struct{})
	go func() { // ends with the last Live, at the latest
		defer close(settled)
		for _, v := range viewers {
			v.began.Wait()
		}
	}()
	limit := time.NewTimer(benchSettle)
	defer limit.Stop()
	select {
	case <-settled:
	case <-limit.C:
		return benchResult{}, fmt.Errorf("viewers have not seen every camera within %s: what is sent does not arrive", benchSettle)
	case <-ctx.Done():
		return benchResult{}, ctx.Err()
	}
	r := benchResult{Cameras: len(l.cameras), FPS: l.fps, Bytes: l.bytes, Viewers: l.viewers}
	count := func(sign uint64) { // adds, or takes away as two's complement does
		for _, s := range senders {
			sent, dropped := s.counts()
			r.Sent, r.Dropped = r.Sent+sign*sent, r.Dropped+sign*dropped
		}
		for _, v := range viewers {
			for _, live := range v.lives {
				stats := live.Stats()
				r.Received, r.Missed = r.Received+sign*stats.Received, r.Missed+sign*stats.Missed
			}
		}
	}
	const minus = ^uint64(0)
	count(minus)
	for _, v := range viewers {
		v.ages.reset()
	}
	began := time.Now()
	timer := time.NewTimer(l.lasts)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return r, ctx.Err()
	}
	count(1)
	r.Seconds = time.Since(began).Seconds()
	var all ages
	for _, v := range viewers {
		all.add(&v.ages)
		for _, live := range v.lives {
			if live.Stats().Fetching {
				r.Fetching++
				break
			}
		}
	}
	r.AgeP50, r.AgeP99, r.AgeMost = milliseconds(all.quantile(0.5)), milliseconds(all.quantile(0.99)), milliseconds(all.most)
	return r, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// benchSender is one camera.
type benchSender struct {
	out     *bus.Publisher
	id      frame.CameraID
	epoch   string
	picture []byte

	mu            sync.Mutex
	sent, dropped uint64
}

func (s *benchSender) counts() (sent, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.dropped
}

// run sends after that time, and then as often, until ctx is done. A frame for which there is no room is dropped.
func (s *benchSender) run(ctx context.Context, after time.Duration, fps float64) error {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil
	}
	every := time.Duration(float64(time.Second) / fps)
	began := time.Now()
	for seq, due := uint64(1), int64(0); ; {
		f := frame.Frame{
			Camera: s.id, Seq: seq, Epoch: s.epoch, Captured: time.Now(), Codec: frame.JPEG,
			Width: benchWidth, Height: benchHeight, Key: true, Data: s.picture,
		}
		var sent, dropped uint64
		if s.out.Room() {
			switch err := s.out.Publish(ctx, &f); {
			case ctx.Err() != nil:
				return nil
			case err == nil:
				sent = 1
			case !errors.Is(err, bus.ErrDisconnected):
				return err
			}
		}
		next := int64(time.Since(began)/every) + 1
		seq, dropped, due = seq+sent, uint64(next-due)-sent, next // those too whose time went by meanwhile
		s.mu.Lock()
		s.sent, s.dropped = s.sent+sent, s.dropped+dropped
		s.mu.Unlock()
		timer.Reset(time.Until(began.Add(time.Duration(due) * every)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// benchViewer is one who watches all cameras.
type benchViewer struct {
	lives []*bus.Live
	began sync.WaitGroup // of the first frame of each
	ages  ages
}

// watch takes a camera's frames until ctx is done.
func (v *benchViewer) watch(ctx context.Context, live *bus.Live) error {
	first := sync.OnceFunc(v.began.Done)
	defer first()
	for {
		f, err := live.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("watch: %w", err)
		}
		v.ages.observe(time.Since(f.Captured.Local()))
		first()
	}
}

func (v *benchViewer) close() {
	for _, live := range v.lives {
		_ = live.Close() // never fails
	}
}

// The picture is small; what is missing of the size are comments in it, which cost a viewer as much to receive.
const (
	benchWidth, benchHeight = 64, 48
	leastBenchBytes         = 2000
)

// benchPicture is a JPEG of that many bytes.
func benchPicture(size int) ([]byte, error) {
	var coded bytes.Buffer
	if err := jpeg.Encode(&coded, image.NewGray(image.Rect(0, 0, benchWidth, benchHeight)), nil); err != nil {
		return nil, fmt.Errorf("make a picture: %w", err)
	}
	start, rest := coded.Bytes()[:2], coded.Bytes()[2:]
	full := append(make([]byte, 0, size), start...)
	const head, most = 4, 65537 // of a comment: marker and length, and all of it
	for missing := size - coded.Len(); missing >= head; {
		n := min(missing, most)
		if left := missing - n; left > 0 && left < head {
			n -= head
		}
		full = append(full, 0xFF, 0xFE)
		full = binary.BigEndian.AppendUint16(full, uint16(n-2))
		full = append(full, make([]byte, n-head)...)
		missing -= n
	}
	return append(full, rest...), nil
}
