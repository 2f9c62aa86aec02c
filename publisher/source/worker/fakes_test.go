package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lensbus/lensbus/publisher/source"
)

// fakes opens a fake camera in the capture process: what it does is the last part of its address.
func fakes(spec source.Spec) (source.Opener, error) {
	mode := path.Base(spec.Address)
	if mode == "unknown" {
		return nil, errors.New("no fake camera unknown")
	}
	return func(ctx context.Context, spec source.Spec, env source.Env) (source.Source, error) {
		switch mode {
		case "refuses":
			return nil, fmt.Errorf("%s: no such camera at %s", spec.Redacted(), "rtsp://admin:"+password+"@camera")
		case "opens-dying":
			die(syscall.SIGKILL)
		case "hangs-open": // native code in a call that does not end
			select {}
		case "hangs-deaf": // and one that does not hear SIGTERM either
			signal.Ignore(syscall.SIGTERM)
			select {}
		case "hangs-stubborn": // stopped dead
			die(syscall.SIGSTOP)
			select {}
		case "half":
			raw([]byte{msgPicture, 0, 0, 1, 0, 1, 2, 3})
			os.Exit(3)
		case "leaves":
			os.Exit(0)
		case "huge":
			raw([]byte{msgPicture, 0xFF, 0xFF, 0xFF, 0xFF})
			select {}
		case "tiny":
			raw([]byte{msgPicture, 0, 0, 0, 2, 0, 0})
			select {}
		case "garbage":
			raw([]byte("HTTP/1.1 200 OK\r\n"))
			select {}
		case "bad-info":
			raw([]byte{msgInfo, 0, 0, 0, 1, '{'})
			select {}
		case "bad-drops":
			raw([]byte{msgDropped, 0, 0, 0, 4, '{', '}', '}', '{'})
			select {}
		case "bad-end":
			raw([]byte{msgEnd, 0, 0, 0, 0})
			select {}
		}
		return &fake{mode: mode, spec: spec, env: env, closed: make(chan struct{})}, nil
	}, nil
}

// raw writes to the pipe that goes to the parent, past everything: Serve has moved it away from 1.
func raw(message []byte) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		target, _ := os.Readlink("/proc/self/fd/" + entry.Name())
		if entry.Name() != "0" && entry.Name() != "1" && entry.Name() != "2" && strings.HasPrefix(target, "pipe:") {
			if file, err := os.OpenFile("/proc/self/fd/"+entry.Name(), os.O_WRONLY, 0); err == nil {
				_, _ = file.Write(message)
				_ = file.Close()
			}
		}
	}
}

// die does to this process what native code that crashes does.
func die(how syscall.Signal) {
	_ = syscall.Kill(os.Getpid(), how)
}

type fake struct {
	mode   string
	spec   source.Spec
	env    source.Env
	n      int
	closed chan struct{}

	mu      sync.Mutex
	quality int
	fps     float64
}

func (f *fake) SetQuality(quality int) { f.mu.Lock(); f.quality = quality; f.mu.Unlock() }
func (f *fake) SetRate(fps float64)    { f.mu.Lock(); f.fps = fps; f.mu.Unlock() }

func fakePicture(n, size int) []byte {
	data := make([]byte, size)
	for i := 0; i+8 <= size; i += 8 {
		binary.BigEndian.PutUint64(data[i:], uint64(n)*1_000_003+uint64(i))
	}
	return data
}

func (f *fake) Next(ctx context.Context) (source.Picture, error) {
	n := f.n
	f.n++
	size := f.spec.Width
	switch f.mode {
	case "fails":
		return source.Picture{}, errors.New("the lens fell off")
	case "aborts":
		die(syscall.SIGABRT)
		select {}
	case "segfaults":
		die(syscall.SIGSEGV)
		select {}
	case "killed":
		die(syscall.SIGKILL)
	case "panics":
		panic("native code went mad")
	case "hangs-read":
		select {}
	case "eof":
		if n == size {
			return source.Picture{}, io.EOF
		}
	case "flood", "bench":
		return source.Picture{Data: make([]byte, size), Captured: time.Unix(0, int64(n))}, nil
	case "camera":
		f.env.Dropped(source.DropEncode, 1)
		if n == 0 {
			f.env.Log.Warn("the lens is dirty", "lens", "front", "url", f.spec.Address)
			fmt.Fprintln(os.Stderr, "native chatter about rtsp://admin:"+password+"@camera")
			_, _ = syscall.Write(1, []byte("native code prints\n")) // as printf does
		}
	}
	select {
	case <-time.After(2 * time.Millisecond):
	case <-ctx.Done():
		return source.Picture{}, ctx.Err()
	}
	return source.Picture{Data: fakePicture(n, size), Captured: time.Unix(0, 1_700_000_000_123_456_789+int64(n))}, nil
}

func (f *fake) Info() source.Info {
	info := source.Info{Width: f.spec.Width, Height: f.spec.Height, FPS: f.spec.FPS, Format: f.spec.PixelFormat}
	switch {
	case f.mode == "camera":
		info.Warnings = []string{fmt.Sprintf("%s: quality %d, up to %d bytes", f.env.Camera, f.env.Quality, f.env.MaxBytes), "from rtsp://admin:" + password + "@camera"}
	case f.mode == "tuned":
		f.mu.Lock()
		defer f.mu.Unlock()
		info.Warnings, info.FPS = []string{fmt.Sprintf("quality %d, picture %v", f.quality, f.n > 5)}, f.fps
	case f.mode == "changes" && f.n > 5:
		info.Warnings = []string{"late"}
	}
	return info
}

func (f *fake) Close() error { return nil }
