package worker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lensbus/lensbus/publisher/source"
)

// output writes messages to the parent. Its methods are for any goroutine; each blocks until the
// message is in the pipe, which the parent always empties.
type output struct {
	mu     sync.Mutex
	to     io.Writer
	header [headerSize + stampSize]byte
}

// lostError is what output's methods return: the parent cannot be told anything any more.
type lostError struct{ err error }

func (e *lostError) Error() string {
	return "capture process: write to standard output: " + e.err.Error()
}
func (e *lostError) Unwrap() error { return e.err }

func (o *output) json(kind byte, value any) error {
	payload, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("capture process: message %q: %w", kind, err)
	}
	return o.text(kind, payload)
}

// text sends a payload that is not a picture.
func (o *output) text(kind byte, payload []byte) error {
	if len(payload) > maxText {
		return fmt.Errorf("capture process: message %q of %d bytes, limit %d", kind, len(payload), maxText)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	putHeader(o.header[:], kind, len(payload))
	return o.write(o.header[:headerSize], payload)
}

// picture sends a picture without copying it.
func (o *output) picture(p source.Picture) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	putHeader(o.header[:], msgPicture, stampSize+len(p.Data))
	binary.BigEndian.PutUint64(o.header[headerSize:], uint64(p.Captured.UnixNano()))
	return o.write(o.header[:], p.Data)
}

func (o *output) write(header, payload []byte) error {
	if err := writeBoth(o.to, header, payload); err != nil {
		return &lostError{err}
	}
	return nil
}

// logWriter sends what slog's JSON handler writes, one record a call.
type logWriter struct{ out *output }

func (w logWriter) Write(record []byte) (int, error) {
	if len(record) <= maxText { // a longer one is nothing that people would read
		if err := w.out.text(msgLog, record); err != nil {
			return 0, err
		}
	}
	return len(record), nil
}

// tally adds up what the source dropped, so that a source that drops much does not talk about it
// more than about pictures.
type tally struct {
	out *output

	mu     sync.Mutex
	counts map[string]uint64
	told   time.Time
}

func (t *tally) add(reason string, n uint64) {
	t.mu.Lock()
	t.counts[reason] += n
	due := time.Since(t.told) > time.Second
	t.mu.Unlock()
	if due { // no picture took it along for a while
		_ = t.flush() // the next picture fails likewise, and that one is looked at
	}
}

// flush tells the parent what was dropped since it was told last.
func (t *tally) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) == 0 {
		return nil
	}
	if err := t.out.json(msgDropped, t.counts); err != nil {
		return err
	}
	clear(t.counts)
	t.told = time.Now()
	return nil
}

func writeInTurn(w io.Writer, header, payload []byte) error {
	if _, err := w.Write(header); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}
