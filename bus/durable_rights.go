package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// refusedError says that the user has not got a right. A server does not answer a request that it
// refuses: it says so apart from it.
type refusedError struct{ subject string }

func (e *refusedError) Error() string {
	return "this user may not publish to " + e.subject + ", which a recorder needs"
}

// errNoAnswer: the server has not answered in time.
var errNoAnswer = errors.New("the server does not answer")

// askLimit is how long a server has to answer a question about a stream or a consumer.
const askLimit = 5 * time.Second

// denials tell those who wait for an answer that there will be none.
type denials struct {
	mu      sync.Mutex
	waiting map[string]context.CancelCauseFunc // by subject, or its beginning with a '.' or '>' at the end
}

// option makes a connection tell its denials here.
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
	for subject, cancel := range r.waiting {
		exact := strings.Contains(text, `"`+subject+`"`)
		if begins, wild := strings.CutSuffix(subject, ">"); exact || wild && strings.Contains(text, `"`+begins) {
			found = true
			cancel(&refusedError{subject})
		}
	}
	return found
}

// watch returns a context that ends with a *refusedError as its cause when the server refuses what
// is published to the subject. One at a time watches a subject.
func (r *denials) watch(ctx context.Context, subject string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = make(map[string]context.CancelCauseFunc)
	}
	r.waiting[subject] = cancel
	return ctx, func() {
		r.mu.Lock()
		delete(r.waiting, subject)
		r.mu.Unlock()
		cancel(nil)
	}
}

// ask runs a request to the subject. Its error is a *refusedError where the user may not ask it, and
// says what was asked for where there is no answer.
func (r *denials) ask(ctx context.Context, subject string, request func(context.Context) error) error {
	watched, stop := r.watch(ctx, subject)
	defer stop()
	limited, cancel := context.WithTimeout(watched, askLimit)
	defer cancel()
	err := request(limited)
	refusal := new(refusedError)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(context.Cause(watched), &refusal):
		return refusal
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w %s", errNoAnswer, subject)
	}
	return err
}
