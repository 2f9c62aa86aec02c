package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/frame"
)

// What somebody on the bus asks of a recorder is refused, or makes sense and means the same when it is
// written down again.
func FuzzRecorderRequest(f *testing.F) {
	f.Add([]byte(`{"from":"2026-11-22T10:00:00Z","to":"2026-11-22T11:00:00Z"}`))
	f.Add([]byte(`{"from":"2026-11-22T10:00:00Z","speed":2.5,"credit":1000,"every_ms":40,"follow":true}`))
	f.Add([]byte(`{"format":"mp4","credit":-1} x`))
	f.Add([]byte(`{"from":"9999-12-31T23:59:59Z"}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		tryRequest[frame.RangesRequest](t, data)
		tryRequest[frame.ReplayRequest](t, data)
		tryRequest[frame.ExportRequest](t, data)
	})
}

func tryRequest[T interface{ Check() error }](t *testing.T, data []byte) {
	request, err := decodeRequest[T](data)
	if err != nil {
		refusal := new(RecorderError)
		if !errors.As(err, &refusal) || refusal.Code != 400 {
			t.Errorf("%T: %v is no refusal", request, err)
		}
		if said := saidOf(err); strings.ContainsAny(said.Text, "\r\n") {
			t.Errorf("%T: a refusal of more than a line: %q", request, said.Text)
		}
		return
	}
	again, err := json.Marshal(request)
	if err != nil {
		t.Fatalf("%T: %v", request, err)
	}
	if _, err := decodeRequest[T](again); err != nil {
		t.Errorf("%T: taken once and not again: %v", request, err)
	}
}

// What an asker grants only ever adds to what may be sent, and nothing else ends the job than its word.
func FuzzCredit(f *testing.F) {
	f.Add([]byte(`{"bytes":100}`), "")
	f.Add([]byte(`{"end":true}`), "")
	f.Add([]byte(`{"bytes":-9223372036854775808}`), "503")
	f.Add([]byte{}, "503")
	f.Fuzz(func(t *testing.T, data []byte, status string) {
		ended := false
		j := &Job{cancel: func(error) { ended = true }, granted: 10, more: make(chan struct{})}
		j.hear(&nats.Msg{Data: data, Header: nats.Header{"Status": {status}}})
		var credit frame.Credit
		is := json.Unmarshal(data, &credit) == nil
		if j.granted < 10 || is && !ended && j.granted != max(10, credit.Bytes) {
			t.Errorf("granted %d", j.granted)
		}
		if ended != (len(data) == 0 && status == "503" || is && credit.End) {
			t.Errorf("%q, %q ends the job: %v", data, status, ended)
		}
	})
}

// Whatever a recorder sends to who replays or exports ends in an error or is a message of the job.
func FuzzJobMessages(f *testing.F) {
	f.Add("begin", "1", "", []byte(`{"job":"abc"}`), "last", "2", []byte(`{"error":"x","code":500}`))
	f.Add("begin", "1", "", []byte(`{"job":"a.b>"}`), "gap", "2", []byte(`{}`))
	f.Add("", "x", "500", []byte(``), "", "18446744073709551615", []byte(`{`))
	f.Fuzz(func(t *testing.T, kind, number, code string, about []byte, nextKind, nextNumber string, next []byte) {
		first := &nats.Msg{Data: about, Header: nats.Header{frame.HeaderJob: {kind}, frame.HeaderJobNumber: {number}, "Nats-Service-Error-Code": {code}}}
		j := &job{id: "front", verb: frame.VerbReplay}
		j.closed, j.stop = context.WithCancel(t.Context())
		defer j.stop()
		if err := j.take(first); err != nil {
			return
		}
		if _, err := frame.ParseCameraID(j.about.Job); err != nil || j.number != 1 {
			t.Fatalf("job %q, message %d", j.about.Job, j.number)
		}
		m := &nats.Msg{Data: next, Header: nats.Header{frame.HeaderJob: {nextKind}, frame.HeaderJobNumber: {nextNumber}}}
		kind, is := j.heard(m)
		if is && (j.number != 2 || kind == frame.JobIdle || kind == frame.JobLast || j.err != nil) || !is && j.err == nil && nextKind != frame.JobIdle && !j.gone {
			t.Errorf("%q, %v, %v", kind, is, j.err)
		}
	})
}

// An answer that times a clock may say anything: what is known of the clock stays a sane number.
func FuzzClockAnswer(f *testing.F) {
	f.Add("1795349996302453388", "1795349996302453399")
	f.Add("-1", "9223372036854775807")
	f.Fuzz(func(t *testing.T, received, sent string) {
		r, okR := unixNano(received)
		s, okS := unixNano(sent)
		if !okR || !okS {
			return
		}
		var c clock
		asked := time.Unix(1_795_349_996, 0)
		c.observe(asked, r, s, asked.Add(time.Millisecond))
		if o, ok := c.estimate(asked.Add(time.Second)); ok && o.Uncertainty < 0 {
			t.Errorf("%+v", o)
		}
	})
}
