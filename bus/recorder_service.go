package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/lensbus/lensbus/frame"
)

// RecorderVerbs are what a recorder answers for a camera. Requests have been checked (see their
// Check). An error that is a [*RecorderError] is told to the asker with its code, any other with
// code 500.
type RecorderVerbs struct {
	Ranges func(context.Context, frame.RangesRequest) (frame.Ranges, error)
	// Replay and Export run in a goroutine of their own for each asker; how many may run is for them
	// to say. They call the Job's Begin, then send, and return: nil when all was sent. Their ctx ends
	// with the service and when the asker is gone; its error is to be returned then.
	Replay func(context.Context, frame.ReplayRequest, *Job) error
	Export func(context.Context, frame.ExportRequest, *Job) error
}

// RecorderService says what a recorder offers for one camera.
type RecorderService struct {
	Camera  frame.CameraID
	Version string // of the program, a semantic version
	Verbs   RecorderVerbs
	// Silence is after how long without a word an asker is given up. Default [frame.JobSilence].
	Silence time.Duration
}

// ServeRecorder answers requests for a camera's recordings as an instance of the NATS micro service
// "recorder" until ctx is done or the function that it returns is called, which is safe twice and
// waits for what is under way. Of several recorders of one camera, one answers; all do where each is asked,
// and one by its name.
//
// Pictures and answers leave on a connection of their own, which needs the right to publish to the
// askers' inboxes.
func (c *Conn) ServeRecorder(ctx context.Context, o RecorderService) (stop func(), err error) {
	failed := func(err error) error { return fmt.Errorf("recorder service of camera %s: %w", o.Camera, err) }
	if o.Silence <= 0 {
		o.Silence = frame.JobSilence
	}
	recordings, err := c.forRecordings()
	if err != nil {
		return nil, failed(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	service, err := newService(recordings.Conn, micro.Config{
		Name:        frame.RecorderServiceName,
		Version:     o.Version,
		Description: "a camera's recordings on a lensbus",
		Metadata:    map[string]string{frame.ServiceMetadataCamera: string(o.Camera)},
	}, c.leftUnanswered(o.Camera))
	if err != nil {
		cancel(nil)
		return nil, failed(err)
	}
	s := &recorderServer{RecorderService: o, nc: recordings}
	ended := sync.OnceFunc(func() {
		cancel(errServiceEnds)
		service.stop()
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		// A job that hangs in a write to a frozen server ends with the connection.
		stuck := time.AfterFunc(4*abortGrace, recordings.abort)
		defer stuck.Stop()
		s.jobs.Wait()
	})
	s.instance = service.identity.ID
	replay := func(ctx context.Context, r micro.Request) error {
		return begin(ctx, s, r, frame.VerbReplay, o.Verbs.Replay)
	}
	export := func(ctx context.Context, r micro.Request) error {
		return begin(ctx, s, r, frame.VerbExport, o.Verbs.Export)
	}
	for _, e := range []struct {
		name, subject, queue string
		answer               func(context.Context, micro.Request) error
	}{
		{frame.VerbRanges, o.Camera.RecorderSubject(frame.VerbRanges), micro.DefaultQueueGroup, s.ranges},
		{frame.VerbReplay, o.Camera.RecorderSubject(frame.VerbReplay), micro.DefaultQueueGroup, replay},
		{frame.VerbExport, o.Camera.RecorderSubject(frame.VerbExport), micro.DefaultQueueGroup, export},
		{frame.VerbReplay + "-this", o.Camera.RecorderInstanceSubject(frame.VerbReplay, s.instance), "", replay},
		{frame.VerbExport + "-this", o.Camera.RecorderInstanceSubject(frame.VerbExport, s.instance), "", export},
		{frame.VerbEach, o.Camera.RecorderSubject(frame.VerbEach), "", s.ranges}, // the last: who answers it answers the others too
	} {
		handle := func(r micro.Request) { s.handle(ctx, r, e.answer) }
		if err := service.endpoint(e.name, e.subject, e.queue, handle); err != nil {
			ended()
			return nil, failed(err)
		}
	}
	// Whoever ends ctx need not call stop.
	unhook := context.AfterFunc(ctx, ended)
	return func() { unhook(); ended() }, nil
}

// Why a job's context ends.
var (
	errServiceEnds = errors.New("the recorder ends")
	errAskerEnded  = errors.New("the asker takes no more")
	errAskerSilent = errors.New("the asker was not heard of for too long")
)

// recorderServer is a running RecorderService.
type recorderServer struct {
	RecorderService
	nc       *framesConn
	instance string // of several recorders of the camera
	jobs     sync.WaitGroup

	mu     sync.Mutex
	closed bool // no further job begins
}

// handle answers or refuses one request.
func (s *recorderServer) handle(ctx context.Context, r micro.Request, answer func(context.Context, micro.Request) error) {
	var err error
	if size := len(r.Data()); size > frame.MaxControlBytes {
		err = &RecorderError{Code: 413, Text: fmt.Sprintf("a request of %d bytes, at most %d", size, frame.MaxControlBytes)}
	} else {
		err = answer(ctx, r)
	}
	if err != nil {
		said := saidOf(err)
		_ = r.Error(strconv.Itoa(said.Code), said.Text, nil) // the asker may be gone
	}
}

// saidOf is what an asker is told of err.
func saidOf(err error) RecorderError {
	known := new(RecorderError)
	switch {
	case errors.As(err, &known):
		return RecorderError{Code: known.Code, Text: oneLine(known.Text)}
	case errors.Is(err, errServiceEnds):
		return RecorderError{Code: 503, Text: errServiceEnds.Error()}
	case errors.Is(err, errAskerSilent):
		return RecorderError{Code: 408, Text: errAskerSilent.Error()}
	}
	return RecorderError{Code: 500, Text: oneLine(err.Error())}
}

func (s *recorderServer) ranges(ctx context.Context, r micro.Request) error {
	request, err := decodeRequest[frame.RangesRequest](r.Data())
	if err != nil {
		return err
	}
	ranges, err := s.Verbs.Ranges(ctx, request)
	if err != nil {
		return err
	}
	ranges.Instance = s.instance
	data, err := json.Marshal(ranges)
	if err != nil {
		return err
	}
	return r.Respond(data)
}

// decodeRequest takes nothing that it does not know, so that a slip is not taken for a success. No
// data is the zero request.
func decodeRequest[T interface{ Check() error }](data []byte) (T, error) {
	var request T
	wrong := func(err error) (T, error) {
		return request, &RecorderError{Code: 400, Text: err.Error()}
	}
	if len(data) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			return wrong(fmt.Errorf("the request makes no sense: %w", err))
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return wrong(errors.New("the request makes no sense: something comes after it"))
		}
	}
	if err := request.Check(); err != nil {
		return wrong(err)
	}
	return request, nil
}
