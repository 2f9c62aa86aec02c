package e2e

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/test/free"
	"github.com/lensbus/lensbus/test/hitch"
	"github.com/lensbus/lensbus/test/screen"
)

// endBound is how long a role may take to end.
const endBound = 2 * time.Second

// signals end a role, in turn.
func signals(round int) syscall.Signal {
	if round%2 == 0 {
		return syscall.SIGTERM
	}
	return syscall.SIGINT
}

// rounds starts and ends a role again and again. begin returns it in full work. One round that took
// too long is a busy machine's; two are a failure.
func rounds(t *testing.T, count int, begin func(t *testing.T) *process) {
	t.Helper()
	var slow []string
	var longest, all time.Duration
	for round := range count {
		t.Run(fmt.Sprint(round+1), func(t *testing.T) {
			p := begin(t)
			took := p.end(signals(round))
			all += took
			longest = max(longest, took)
			if took > endBound {
				slow = append(slow, fmt.Sprintf("round %d ended after %v", round+1, took))
				t.Logf("NOTE: ended after %v, the bound is %v\nstderr: %s", took, endBound, p.stderr.String())
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d rounds: ended after %v on average, %v at most", count, (all / time.Duration(count)).Round(time.Millisecond), longest.Round(time.Millisecond))
	if len(slow) > 1 {
		t.Errorf("the bound is %v: %v", endBound, slow)
	}
}

// TestUpStartsAndEndsFiftyTimes: on the same ports, watched while it ends, with a camera in a
// process of its own where there is OpenCV.
func TestUpStartsAndEndsFiftyTimes(t *testing.T) {
	count := 50
	if testing.Short() {
		count = 5
		t.Logf("NOTE: -short: %d rounds, not 50", count)
	}
	bus, web := free.Address(t), free.Address(t)
	args := []string{"up", "--broker-listen", bus, "--web-listen", web, "--camera", "front=test:?width=320&height=240&fps=30"}
	cameras := []string{"front"}
	if lensbus(t).opencv {
		args = append(args, "--camera", "film=file:"+shippedFootage(t)+"?loop=1")
		cameras = append(cameras, "film")
	}
	rounds(t, count, func(t *testing.T) *process {
		p := start(t, args...)
		page := p.pageURL()
		for _, id := range cameras {
			watching := openStream(t, page, id)
			watching.next()
			watching.next()
		}
		return p
	})
}

func TestEveryRoleEndsAtOneSignal(t *testing.T) {
	const count = 4
	picture := "front=test:?width=320&height=240&fps=30"
	t.Run("broker", func(t *testing.T) {
		address := free.Address(t)
		rounds(t, count, func(t *testing.T) *process {
			p := start(t, "broker", "--listen", address)
			url := p.brokerURL()
			start(t, "publish", "--server", url, "--camera", picture)
			subscribe(t, connect(t, url), "cam.front.frame").next()
			return p
		})
	})
	t.Run("publish", func(t *testing.T) {
		url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
		rounds(t, count, func(t *testing.T) *process {
			sub := subscribe(t, connect(t, url), "cam.front.frame")
			p := start(t, "publish", "--server", url, "--camera", picture)
			sub.next()
			return p
		})
	})
	t.Run("publish --embed-broker", func(t *testing.T) {
		address := free.Address(t)
		rounds(t, count, func(t *testing.T) *process {
			p := start(t, "publish", "--embed-broker", "--listen", address, "--camera", picture)
			subscribe(t, connect(t, p.brokerURL()), "cam.front.frame").next()
			return p
		})
	})
	t.Run("web", func(t *testing.T) {
		url := start(t, "publish", "--embed-broker", "--listen", "127.0.0.1:0", "--camera", picture).brokerURL()
		address := free.Address(t)
		rounds(t, count, func(t *testing.T) *process {
			p := start(t, "web", "--server", url, "--listen", address)
			page := p.pageURL()
			openStream(t, page, "front").next()
			openSocket(t, page, "front").next()
			return p
		})
	})
	t.Run("view", func(t *testing.T) {
		needOpenCV(t)
		s := screen.Start(t, 800, 600)
		url := start(t, "publish", "--embed-broker", "--listen", "127.0.0.1:0", "--camera", picture).brokerURL()
		rounds(t, count, func(t *testing.T) *process { return openWindow(t, s, url, "front") })
	})
}

// TestRolesThatHangOnOthersEnd: what they wait for never answers, or answers no more.
func TestRolesThatHangOnOthersEnd(t *testing.T) {
	for _, args := range [][]string{{"publish", "--camera", "front=test:"}, {"web", "--listen", "127.0.0.1:0"}} {
		t.Run(args[0]+" to a server that is mute", func(t *testing.T) {
			rounds(t, 2, func(t *testing.T) *process {
				mute := muteServer(t)
				p := start(t, append(args, "--server", "nats://"+mute.address)...)
				mute.wait(t)
				return p
			})
		})
	}
	kinds := []string{"http"}
	if lensbus(t).opencv {
		kinds = append(kinds, "rtsp")
	}
	for _, kind := range kinds {
		t.Run("publish from a mute camera of kind "+kind, func(t *testing.T) {
			url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
			rounds(t, 2, func(t *testing.T) *process {
				mute := muteServer(t)
				p := start(t, "publish", "--server", url, "--camera", "front="+kind+"://"+mute.address+"/")
				mute.wait(t)
				return p
			})
		})
	}
	for _, role := range []string{"publish", "web"} {
		t.Run(role+" while the broker is frozen", func(t *testing.T) {
			rounds(t, 2, func(t *testing.T) *process {
				broker := start(t, "broker", "--listen", "127.0.0.1:0")
				p := startWithin(t, broker.brokerURL(), role)
				broker.signal(syscall.SIGSTOP)
				return p
			})
		})
	}
}

// startWithin starts a role at a broker and waits until pictures pass through it.
func startWithin(t *testing.T, url, role string) *process {
	t.Helper()
	source := newCamera(t, 25, noise(t, 4, 640, 480, 75))
	sub := subscribe(t, connect(t, url), "cam.front.frame")
	p := start(t, "publish", "--server", url, "--camera", "front="+source.url)
	sub.next()
	if role == "web" {
		p = start(t, "web", "--server", url, "--listen", "127.0.0.1:0")
		page := p.pageURL()
		openStream(t, page, "front").next()
		openSocket(t, page, "front").next()
	}
	return p
}

// TestASecondSignalEndsAtOnce: while a publisher waits for a write to a frozen broker, which it gives
// half a second when it is told to end.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	hitch.Judge(t, func(t *testing.T) hitch.Problems {
		var found hitch.Problems
		broker := start(t, "broker", "--listen", "127.0.0.1:0")
		url := broker.brokerURL()
		const fps = 30
		source := newCamera(t, fps, noise(t, 4, 1024, 768, 90))
		sub := subscribe(t, connect(t, url), "cam.front.frame")
		p := start(t, "publish", "--server", url, "--camera", "front="+source.url)
		sub.next()
		broker.signal(syscall.SIGSTOP)
		hung := source.shown.Load() + 2*fps // far more than the kernel takes
		eventually(t, "the kernel takes no more", func() bool { return source.shown.Load() > hung })
		p.signal(syscall.SIGINT)
		p.say(&p.stderr, `a second signal ends at once`)
		again := time.Now()
		p.signal(syscall.SIGINT)
		code := p.wait(patience)
		took := time.Since(again)
		t.Logf("ended %v after the second signal, exit code %d", took, code)
		if code != 130 || took > 300*time.Millisecond {
			found.Add("ended %v after the second signal with exit code %d, want 130 at once", took, code)
		}
		return found
	})
}

// TestNoCaptureProcessOutlivesItsPublisher: not even one that is killed.
func TestNoCaptureProcessOutlivesItsPublisher(t *testing.T) {
	needOpenCV(t)
	film := shippedFootage(t)
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	sub := subscribe(t, connect(t, url), "cam.*.frame")
	p := start(t, "publish", "--server", url, "--camera", "a=file:"+film+"?loop=1", "--camera", "b=file:"+film+"?loop=1")
	sub.next()
	eventually(t, "a capture process for each camera", func() bool { return len(p.children()) == 2 })
	p.kill()
	eventually(t, "the capture processes have ended", func() bool { return len(p.group()) == 0 })
}

// mute takes connections and never says a word.
type mute struct {
	address  string
	accepted chan struct{} // has a token when there was a connection
}

func muteServer(t *testing.T) *mute {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{address: listener.Addr().String(), accepted: make(chan struct{}, 1)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			select {
			case m.accepted <- struct{}{}:
			default:
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() }) // those who connected have ended before
	return m
}

// wait waits until somebody has connected.
func (m *mute) wait(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-m.accepted:
	case <-timer.C:
		t.Fatalf("nobody connects to %s", m.address)
	}
}

// TestAKilledPublisherStartsAgainAtOnce: nothing of it is in the way, neither its device nor its name.
func TestAKilledPublisherStartsAgainAtOnce(t *testing.T) {
	url := start(t, "broker", "--listen", "127.0.0.1:0").brokerURL()
	args := []string{"publish", "--server", url, "--camera", "front=test:?width=320&height=240&fps=20"}
	frames := subscribe(t, connect(t, url), "cam.front.frame")
	epochs := map[string]bool{}
	for range 3 {
		p := start(t, args...)
		for {
			if f := frames.frame(); !epochs[f.Epoch] {
				epochs[f.Epoch] = true
				break
			}
		}
		p.kill()
	}
}

// shippedFootage is the video in the sources of the gocv module: 560x320, 30 fps.
func shippedFootage(t *testing.T) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gocv.io/x/gocv").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(dir[:len(dir)-1]) + "/images/small.mp4"
}
