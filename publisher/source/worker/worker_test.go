package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/test/logbook"
)

func TestPicturesArriveAsTheChildMadeThem(t *testing.T) {
	var log logbook.Book
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", log.String())
		}
	})
	var dropped atomic.Uint64
	src := open(t, "camera", 300_000, source.Env{Camera: "front", Quality: 55, MaxBytes: 1 << 20, Log: debugging(&log), Dropped: func(_ string, n uint64) { dropped.Add(n) }})
	want := source.Info{Width: 300_000, Height: 480, FPS: 29.97, Format: "MJPG", Warnings: []string{"front: quality 55, up to 1048576 bytes", "from rtsp://…@camera"}}
	if diff := cmp.Diff(want, src.Info()); diff != "" {
		t.Errorf("Info (-want +got):\n%s", diff)
	}
	last := -1
	for range 10 {
		picture, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := int(picture.Captured.UnixNano() - 1_700_000_000_123_456_789)
		if n <= last {
			t.Fatalf("picture %d after %d", n, last)
		}
		if !bytes.Equal(picture.Data, fakePicture(n, 300_000)) {
			t.Fatalf("picture %d is not what was sent", n)
		}
		last = n
	}
	eventually(t, "the child's drops are counted", func() bool { return dropped.Load() > 0 })
	eventually(t, "the child's log", func() bool {
		return strings.Contains(log.String(), `level=WARN msg="the lens is dirty" lens=front url=rtsp://camera/camera`)
	})
	eventually(t, "the child's standard error", func() bool { return strings.Contains(log.String(), "native chatter about rtsp://…@camera") })
	eventually(t, "what native code printed", func() bool { return strings.Contains(log.String(), "native code prints") })
	if strings.Contains(log.String(), password) {
		t.Errorf("the log shows the password:\n%s", log.String())
	}
}

func TestNewestPictureWins(t *testing.T) {
	var dropped atomic.Int64
	src := open(t, "flood", 1000, source.Env{Dropped: func(reason string, n uint64) {
		if reason != source.DropNetwork {
			t.Errorf("dropped for %q", reason)
		}
		dropped.Add(int64(n))
	}})
	number := func() int64 {
		picture, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return picture.Captured.UnixNano()
	}
	first := number()
	eventually(t, "1000 pictures go by that nobody takes", func() bool { return dropped.Load() > first+1000 })
	if second := number(); second < first+1000 {
		t.Errorf("after %d and 1000 dropped ones came %d", first, second)
	}
}

func TestInfoThatChangesIsPassedOn(t *testing.T) {
	src := open(t, "changes", 640, source.Env{})
	eventually(t, "the warning that came late", func() bool {
		if _, err := src.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		return cmp.Equal(src.Info().Warnings, []string{"late"})
	})
}

func TestEndIsTheChildsOwn(t *testing.T) {
	src := open(t, "eof", 3, source.Env{})
	pictures := 0
	for {
		_, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		pictures++
	}
	if pictures == 0 {
		t.Error("no picture before the end")
	}
	if _, err := src.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v, want io.EOF", err)
	}
}

func TestFailuresAreToldInOneLine(t *testing.T) {
	env := source.Env{OpenTimeout: 20 * time.Second, ReadTimeout: 20 * time.Second}
	for mode, want := range map[string]string{
		"refuses":     "rtsp://camera/refuses: no such camera at rtsp://…@camera",
		"fails":       "the lens fell off",
		"unknown":     "no fake camera unknown",
		"aborts":      "the capture process died: exit status 2 (SIGABRT: abort",
		"segfaults":   "the capture process died: exit status 2 (SIGSEGV: segmentation violation",
		"killed":      "the capture process died: signal: killed",
		"panics":      "the capture process died: exit status 2 (panic: native code went mad)",
		"opens-dying": "the capture process died: signal: killed",
		"half":        "the capture process died: exit status 3",
		"leaves":      "the capture process died: exit status 0",
		"huge":        "message 'P' of 4294967295 bytes, limit",
		"tiny":        "message 'P' of 2 bytes",
		"garbage":     "message of unknown kind",
		"bad-info":    "describes its source wrongly",
		"bad-drops":   "counts wrongly",
		"bad-end":     "ends wrongly",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			if err := failure(t, mode, env); !strings.Contains(err.Error(), want) {
				t.Errorf("error %q, want %q", err, want)
			}
		})
	}
}

func TestHangsEnd(t *testing.T) {
	for mode, want := range map[string]string{
		"hangs-open":     "not open after 1s",
		"hangs-read":     "no picture for 1s",
		"hangs-deaf":     "not open after 1s",
		"hangs-stubborn": "not open after 1s",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			err := failure(t, mode, source.Env{OpenTimeout: time.Second, ReadTimeout: time.Second})
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q, want %q", err, want)
			}
			// 1 s to notice, 0.5 s of being polite; the rest is a busy machine's.
			if took := time.Since(started); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestOpeningEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Opener(command(t))(ctx, spec("hangs-open", 640), source.Env{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestNextEndsWithItsContextAndWithClose(t *testing.T) {
	src := open(t, "hangs-read", 640, source.Env{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next: %v, want context.Canceled", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := src.Next(context.Background())
		ended <- err
	}()
	if err := src.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-ended; !errors.Is(err, source.ErrClosed) {
		t.Errorf("Next after Close: %v, want ErrClosed", err)
	}
}

func TestCommandThatIsNoneIsAClearError(t *testing.T) {
	for name, command := range map[string][]string{"none": nil, "missing": {"/nonexistent/lensbus"}} {
		if _, err := Opener(command)(t.Context(), spec("camera", 1), source.Env{}); err == nil || !strings.Contains(err.Error(), "start the capture process") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := func() error {
		_, err := Opener([]string{"true"})(t.Context(), spec("camera", 1), source.Env{})
		return err
	}(); err == nil || !strings.Contains(err.Error(), "died: exit status 0") {
		t.Errorf("a program that is none of ours: %v", err)
	}
}

func TestChildIgnoresInterruptsAndHasNoSecretsToSee(t *testing.T) {
	src := open(t, "camera", 1000, source.Env{})
	pid := src.(*worker).process.handle.Pid
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := src.Next(t.Context()); err != nil {
			t.Fatalf("after an interrupt: %v", err)
		}
	}
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file)
		if err != nil {
			t.Skipf("SKIPPED: %v", err)
		}
		if len(text) == 0 || bytes.Contains(text, []byte(password)) {
			t.Errorf("%s of the child: %q", file, text)
		}
	}
}

func TestChildEndsWhenItsStandardInputDoes(t *testing.T) {
	for _, mode := range []string{"camera", "hangs-open", "hangs-read", "hangs-deaf"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p, err := start(command(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = p.stop()
				closeAll([]*os.File{p.stdout, p.stderr})
			})
			line, err := json.Marshal(request{Spec: wireSpec(spec(mode, 10)), OpenTimeout: time.Minute, ReadTimeout: time.Minute, MaxBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.stdin.Write(append(line, '\n')); err != nil {
				t.Fatal(err)
			}
			// The parent is gone: nobody reads and nobody sends signals.
			_ = p.stdin.Close()
			if !p.gone(10 * time.Second) {
				t.Error("the child lives on")
			}
		})
	}
}

func TestServeWithoutARequestIsAnError(t *testing.T) {
	for name, input := range map[string]string{"nothing": "", "no line": "{", "no JSON": password + "\n"} {
		err := Serve(t.Context(), strings.NewReader(input), io.Discard, fakes)
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Settings reach the source while it is open, which goes on with the next picture.
func TestSettingsReachTheOpenSource(t *testing.T) {
	src, ok := open(t, "tuned", 64, source.Env{Quality: 90}).(source.Tunable)
	if !ok {
		t.Fatal("a capture process takes no settings")
	}
	take := func() time.Time {
		t.Helper()
		picture, err := src.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return picture.Captured
	}
	last := take()
	until := func(what string, fps float64) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			at := take()
			if !at.After(last) {
				t.Fatalf("captured at %v, the one before at %v: it has begun anew", at, last)
			}
			last = at
			if info := src.Info(); info.FPS == fps && len(info.Warnings) == 1 && strings.HasPrefix(info.Warnings[0], what) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%+v, want %s and %g fps", src.Info(), what, fps)
			}
		}
	}
	src.SetQuality(33)
	until("quality 33", 29.97)
	src.SetRate(5)
	until("quality 33", 5)
	src.SetRate(0)
	until("quality 33", 0)
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	src.SetQuality(50) // nobody is there
}

// The child's pictures are stamped by the clock that the parent was given.
func TestGivenClock(t *testing.T) {
	now := func() time.Time { return time.Now().Add(-time.Hour) }
	src := open(t, "camera", 64, source.Env{Now: now})
	picture, err := src.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(0, 1_700_000_000_123_456_789).Add(-time.Hour); picture.Captured.Sub(want).Abs() > time.Second {
		t.Errorf("captured at %v, want %v", picture.Captured, want)
	}
}

// A process that was started ahead is the one that opens the source, and none is left behind.
func TestSpareProcess(t *testing.T) {
	spare := NewSpare(command(t))
	waiting := func() *process { spare.mu.Lock(); defer spare.mu.Unlock(); return spare.waiting }
	take := func(src source.Source, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.Next(t.Context()); err != nil {
			t.Error(err)
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
	open := func() (source.Source, error) { return spare.Open(t.Context(), spec("camera", 64), source.Env{}) }
	take(open()) // without one

	spare.Ready()
	ahead := waiting()
	spare.Ready()
	if ahead == nil || waiting() != ahead {
		t.Fatal("another process was started while one waits")
	}
	src, err := open()
	if w, ok := src.(*worker); !ok || w.process != ahead || waiting() != nil {
		t.Error("not the process that waited")
	}
	take(src, err)

	spare.Ready() // one that dies while it waits
	dead := waiting()
	if err := dead.handle.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dead.exited
	take(open())
	spare.Ready()
	dead = waiting()
	if err := dead.handle.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dead.exited
	spare.Ready()
	last := waiting()
	if last == dead || last == nil {
		t.Error("the dead one is still waiting")
	}
	for range 2 {
		if err := spare.Close(); err != nil {
			t.Error(err)
		}
	}
	if !last.over() {
		t.Error("a process is left behind")
	}
	if spare.Ready(); waiting() != nil {
		t.Error("a process after the end")
	}
}
