package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// What a server refuses. It does not answer a request for which a right is missing: it says so apart
// from it, on the connection, and who waits would wait in vain.

// refusedError is such a refusal, of publishing to a subject.
type refusedError struct{ subject string }

func (e *refusedError) Error() string { return "these credentials may not publish to " + e.subject }

// notAllowedError says what these credentials may not do with a camera. It is an ErrNotAllowed.
type notAllowedError struct {
	camera frame.CameraID
	what   string // "watch"
}

func (e *notAllowedError) Error() string {
	return fmt.Sprintf("these credentials may not %s camera %s", e.what, e.camera)
}

func (e *notAllowedError) Is(target error) bool { return target == ErrNotAllowed }

// verbWords is what is done with a camera by a verb, as a sentence about rights has it.
func verbWords(verb string) string {
	switch verb {
	case frame.VerbSet:
		return "change"
	case frame.VerbSnapshot:
		return "take snapshots of"
	case frame.VerbWatch:
		return "watch"
	case frame.VerbRelease:
		return "take over"
	case frame.VerbRanges, frame.VerbReplay, frame.VerbExport:
		return "see recordings of"
	}
	return "ask"
}

// errNoAnswer: the server has not answered in time.
var errNoAnswer = errors.New("the server does not answer")

// askLimit is how long a server has to answer a question about a stream or a consumer.
const askLimit = 5 * time.Second

// denials tell those who wait for an answer that there will be none. The zero value is ready; one may
// serve several connections of one user.
type denials struct {
	mu      sync.Mutex
	waiting map[*denial]struct{}
}

// denial is what one waits for.
type denial struct {
	subject string // or its beginning with a '>' at the end
	cancel  context.CancelCauseFunc
}

// option makes a connection tell its denials here; those that nobody waits for go on as they did.
func (r *denials) option(o *nats.Options) error {
	before := o.AsyncErrorCB
	o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) && r.refuse(err.Error()) {
			return
		}
		if before != nil {
			before(nc, sub, err)
		}
	}
	return nil
}

func (r *denials) refuse(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := false
	for d := range r.waiting {
		begins, wild := strings.CutSuffix(d.subject, ">")
		if strings.Contains(text, `"`+d.subject+`"`) || wild && strings.Contains(text, `"`+begins) {
			found = true
			d.cancel(&refusedError{d.subject})
		}
	}
	return found
}

// watch returns a context that ends with a *refusedError as its cause when the server refuses what
// is published to the subject.
func (r *denials) watch(ctx context.Context, subject string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &denial{subject, cancel}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = make(map[*denial]struct{})
	}
	r.waiting[d] = struct{}{}
	return ctx, func() {
		r.mu.Lock()
		delete(r.waiting, d)
		r.mu.Unlock()
		cancel(nil)
	}
}

// refusalOf returns the *refusedError with which a context of watch has ended, or nil.
func refusalOf(watched context.Context) error {
	refusal := new(refusedError)
	if errors.As(context.Cause(watched), &refusal) {
		return refusal
	}
	return nil
}

// ask runs a request to the subject. Its error is a *refusedError where the user may not ask it, and
// says what was asked for where there is no answer.
func (r *denials) ask(ctx context.Context, subject string, request func(context.Context) error) error {
	watched, stop := r.watch(ctx, subject)
	defer stop()
	limited, cancel := context.WithTimeout(watched, askLimit)
	defer cancel()
	err := request(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case refusalOf(watched) != nil:
		return refusalOf(watched)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w %s", errNoAnswer, subject)
	}
	return err
}

// request asks on the control connection. Its error is a *refusedError where this user may not.
func (c *Conn) request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	watched, stop := c.refused.watch(ctx, subject)
	defer stop()
	msg, err := c.control.RequestWithContext(watched, subject, data)
	if refusal := refusalOf(watched); err != nil && refusal != nil {
		return nil, refusal
	}
	return msg, err
}
