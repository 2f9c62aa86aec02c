package bus

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What comes and goes all the time, as it does where two recorders use one consumer, is said once and then
// once a minute; what has gone for good is said to have.
func TestDurableSaysItOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &Durable{log: slog.New(slog.NewTextHandler(&log, nil)), position: position{told: make(told)}}
		said := func(what string, warned, came int) {
			t.Helper()
			if w, c := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "come again"); w != warned || c != came {
				t.Errorf("%s: %d warnings and %d ends of them, want %d and %d\n%s", what, w, c, warned, came, &log)
			}
			log.Reset()
		}
		shared := errors.New("does another recorder use it?")
		comesAndGoes := func(rounds int) {
			for range rounds {
				d.explain(shared)
				if s := d.State(); s.Ready || s.Reason != shared.Error() {
					t.Errorf("the state is %+v", s)
				}
				time.Sleep(time.Second)
				d.ready()
				time.Sleep(time.Second)
			}
		}
		comesAndGoes(25)
		said("50 s", 1, 1)
		comesAndGoes(60)
		said("2 min more", 2, 2)

		// Something else is news, and another time at once is not.
		d.explain(ErrDisconnected)
		d.explain(ErrDisconnected)
		said("another reason", 1, 0)
		d.ready()
		d.ready()
		said("it has gone", 0, 1)

		// What stays is said in the end, though it was said shortly before that it had gone.
		for range 70 {
			d.explain(ErrDisconnected)
			time.Sleep(time.Second)
		}
		said("it stays", 1, 0)
		d.ready()
		said("it has gone after long", 0, 1)

		for range manyRewinds {
			d.suspect(errLost)
		}
		for range manyRewinds {
			d.explain(errLost)
			d.ready()
		}
		said("late and then not at all, for the same reason", 1, 0)

		d.explain(errNoStream)
		d.ready()
		said("nothing to record is no warning", 0, 1)
	})
}
