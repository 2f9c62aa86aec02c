package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// OpenHTTP opens a camera's URL (kinds http: and https:). What the camera answers decides:
//
//   - multipart/x-mixed-replace is an MJPEG stream, whose pictures are passed on as they come;
//   - image/jpeg is one picture, which is asked for again spec.FPS times a second, once by default;
//     where the camera says that it has not changed (304) there is no new picture.
//
// User name and password of the URL answer Basic and Digest challenges; a redirect to another host
// does not get them. Certificates are verified. An answer that does not come within
// env.OpenTimeout, a picture that does not come within env.ReadTimeout after the one before, and a
// connection that ends are errors. Pictures that Next did not take in time are reported as
// [DropNetwork], parts of the stream that are no whole JPEG as [DropInvalid].
//
// A picture's Captured is when its first byte arrived: timestamps in the stream are by a clock that
// nobody knows.
func OpenHTTP(ctx context.Context, spec Spec, env Env) (Source, error) {
	env = env.OrDefaults()
	return openHTTP(ctx, spec, env, &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: env.OpenTimeout}).DialContext,
		TLSHandshakeTimeout:    env.OpenTimeout,
		DisableCompression:     true,
		ReadBufferSize:         readSize,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        time.Minute,
	})
}

func openHTTP(ctx context.Context, spec Spec, env Env, transport *http.Transport) (_ Source, err error) {
	s := &httpSource{
		tuned: newTuned(env.Quality, spec.FPS, 1),
		spec:  spec, env: env,
		slot: NewSlot[Picture](), closed: make(chan struct{}), done: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			transport.CloseIdleConnections()
			err = s.fail(err)
		}
	}()
	if s.camera, err = newHTTPCamera(spec.Address, transport); err != nil {
		return nil, err
	}
	// run lasts as long as the source; its end is what interrupts every read.
	run, cancel := context.WithCancelCause(context.Background())
	s.cancel = cancel
	late := time.AfterFunc(env.OpenTimeout, func() {
		cancel(fmt.Errorf("no answer within %v: is the address right and the camera on?", env.OpenTimeout))
	})
	unlink := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })

	first, err := s.camera.get(run, http.Header{})
	late.Stop()
	unlink()
	if err == nil && run.Err() != nil { // the time ran out just after the answer
		_ = first.body.Close()
		err = context.Cause(run)
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	s.info = Info{Format: "MJPG", Untouched: true}
	read := s.readStream
	if !first.stream {
		s.info.Format = "jpeg"
		read = s.pollStill
	}
	go func() {
		defer close(s.done)
		err := read(run, first)
		cancel(err)
		transport.CloseIdleConnections()
		s.slot.Close(s.fail(err))
	}()
	return s, nil
}

type httpSource struct {
	*tuned // of one picture that is asked for again and again; a stream has its own rate
	spec   Spec
	env    Env
	info   Info
	camera *httpCamera
	slot   *Slot[Picture]

	cancel context.CancelCauseFunc
	once   sync.Once
	closed chan struct{} // Close was called
	done   chan struct{} // the reader has ended
}

func (s *httpSource) Next(ctx context.Context) (Picture, error) {
	pic, err := s.slot.Take(ctx)
	select {
	case <-s.closed:
		return Picture{}, ErrClosed
	default:
	}
	return pic, err
}

func (s *httpSource) Info() Info {
	info := s.info
	if info.Format == "jpeg" {
		info.FPS = s.rate()
	}
	return info
}

func (s *httpSource) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.slot.Close(ErrClosed)
		s.cancel(ErrClosed)
	})
	<-s.done
	return nil
}

// fail is err as people and the publisher see it.
func (s *httpSource) fail(err error) error {
	if errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%s: %w", s.spec.Redacted(), s.spec.ScrubError(err))
}

// readStream reads pictures until the stream ends, and always returns why it did.
func (s *httpSource) readStream(ctx context.Context, first *answer) error {
	defer first.body.Close()
	stop, again := s.watchdog()
	defer stop()

	warn := s.warnOnce()
	m := newMultipartReader(first.body, first.boundary, s.env.MaxBytes)
	m.dropped = func(why string) {
		s.env.Dropped(DropInvalid, 1)
		warn("the camera's stream has parts that cannot be used; they are dropped and counted", why)
	}
	m.now = s.env.Now
	m.lied = func() { warn("the camera's Content-Length is wrong", "lengths are not believed any more") }
	for {
		pic, err := m.next()
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the camera ended the stream%s", pictureless(m))
		case errors.Is(err, io.ErrUnexpectedEOF) && context.Cause(ctx) == nil:
			return fmt.Errorf("the stream ended in the middle of a picture: %w", io.ErrUnexpectedEOF)
		default:
			return plainError(ctx, err)
		}
		again()
		s.put(ctx, pic)
	}
}

// pictureless explains a stream that ended without anything in it that looked like pictures.
func pictureless(m *multipartReader) string {
	if !m.learned {
		return " before any picture"
	}
	return ""
}

// pollStill asks for one picture after the other, and always returns why it ended.
func (s *httpSource) pollStill(ctx context.Context, first *answer) error {
	pace := newPacer(s.tuned)
	warn := s.warnOnce()
	good := time.Now()
	header := http.Header{}
	for a := first; ; a = nil {
		if _, err := pace.wait(ctx, nil); err != nil {
			return plainError(ctx, err)
		}
		data, captured, err := s.still(ctx, a, header)
		switch {
		case err != nil:
			return err
		case data == nil: // the same as before
			good = time.Now()
		case len(data) > s.env.MaxBytes, !hasSOI(data):
			s.env.Dropped(DropInvalid, 1)
			why := "it does not begin with a JPEG's SOI marker"
			if len(data) > s.env.MaxBytes {
				why = fmt.Sprintf("it is larger than %d bytes", s.env.MaxBytes)
			}
			warn("the camera's picture cannot be used", why)
			if time.Since(good) >= max(s.env.ReadTimeout, 3*pace.interval) {
				return errors.New("the camera answers no usable picture: " + why)
			}
		default:
			good = time.Now()
			s.put(ctx, Picture{Data: data, Captured: captured})
		}
	}
}

// still reads the answer a, or asks for one with the header lines given where a is nil. It returns
// nil data for a picture that did not change, and up to one byte more than MaxBytes. It leaves in
// header what to ask with next time.
func (s *httpSource) still(ctx context.Context, a *answer, header http.Header) (data []byte, captured time.Time, err error) {
	stop, _ := s.watchdog()
	defer stop()
	if a == nil {
		if a, err = s.camera.get(ctx, header); err != nil {
			return nil, captured, err
		}
	}
	defer a.body.Close()
	captured = s.env.Now()
	if a.same {
		return nil, captured, nil
	}
	if a.stream {
		return nil, captured, errors.New("the camera answered a picture before and a stream now")
	}
	if data, err = io.ReadAll(io.LimitReader(a.body, int64(s.env.MaxBytes)+1)); err != nil {
		return nil, captured, plainError(ctx, err)
	}
	clear(header)
	if tag := a.header.Get("ETag"); tag != "" {
		header.Set("If-None-Match", tag)
	} else if date := a.header.Get("Last-Modified"); date != "" {
		header.Set("If-Modified-Since", date)
	}
	if data == nil {
		data = []byte{}
	}
	return data, captured, nil
}

// watchdog ends the source when again is not called for ReadTimeout, until stop is called.
func (s *httpSource) watchdog() (stop, again func()) {
	timer := time.AfterFunc(s.env.ReadTimeout, func() {
		s.cancel(fmt.Errorf("no whole picture within %v", s.env.ReadTimeout))
	})
	return func() { timer.Stop() }, func() { timer.Reset(s.env.ReadTimeout) }
}

func (s *httpSource) put(ctx context.Context, pic Picture) {
	if _, dropped := s.slot.Put(pic); dropped && ctx.Err() == nil {
		s.env.Dropped(DropNetwork, 1)
	}
}

// warnOnce returns a function that logs each message once.
func (s *httpSource) warnOnce() func(message, why string) {
	logged := map[string]bool{}
	return func(message, why string) {
		if !logged[message] {
			logged[message] = true
			s.env.Log.Warn(message, "source", s.spec, "why", why)
		}
	}
}
