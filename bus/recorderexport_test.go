package bus_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

func TestExportBringsEveryByte(t *testing.T) {
	file := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // 4.8 MB: more than a window
	rest := time.Unix(1_700_000_123, 456).UTC()
	gap := frame.Gap{From: rest, To: rest, Reason: frame.GapCamera}
	ended := make(chan error, 2)
	asker, _, _ := recordings(t, bus.RecorderService{Verbs: bus.RecorderVerbs{
		Export: func(ctx context.Context, _ frame.ExportRequest, job *bus.Job) error {
			err := job.Begin(77, 5_000_000)
			if err == nil {
				err = job.Gap(gap)
			}
			for at := 0; at < len(file) && err == nil; at += 200_000 {
				err = job.Data(ctx, file[at:min(at+200_000, len(file))], time.Unix(1_700_000_000, int64(at)))
			}
			job.Exported(77)
			job.Rest(rest)
			ended <- err
			return err
		},
	}})
	var got bytes.Buffer
	var p0, last bus.ExportProgress // before the first byte, and after the last
	calls := 0
	result, err := asker.Export(context20(t), "front", bus.ExportOptions{Split: true}, &got, func(p bus.ExportProgress) {
		if p.Bytes < last.Bytes || p.Captured.Before(last.Captured) || p.Total != 5_000_000 {
			t.Errorf("progress goes from %+v to %+v", last, p)
		}
		if last = p; calls == 0 {
			p0 = p
		}
		calls++
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), file) || result.Bytes != int64(len(file)) || result.Frames != 77 || !result.Rest.Equal(rest) {
		t.Errorf("%d bytes came of %d: %+v", got.Len(), len(file), result)
	}
	if len(result.Gaps) != 1 || result.Gaps[0] != gap || calls != 26 || p0.Frames != 77 || last.Bytes != int64(len(file)) {
		t.Errorf("gaps %+v, %d times told, last %+v", result.Gaps, calls, last)
	}
	<-ended

	// The asker's disk is full.
	full := errors.New("no space left")
	if _, err := asker.Export(context20(t), "front", bus.ExportOptions{}, failingWriter{full}, nil); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the recorder sent it all")
		}
	case <-time.After(patience):
		t.Fatal("the recorder goes on")
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
