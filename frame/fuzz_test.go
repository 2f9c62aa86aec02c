package frame_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/jpeg"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lensbus/lensbus/frame"
)

// maxSeed keeps the seeds small: the fuzzer spends its time on making large ones smaller.
const maxSeed = 6 << 10

// fuzzLimits let a fuzz test decode what is accepted.
func fuzzLimits() frame.Limits { return frame.Limits{Bytes: 1 << 20, Pixels: 1 << 16} }

// joinHeader and splitHeader make one string of headers for the fuzzer to play with.
func joinHeader(header map[string][]string) string {
	var b strings.Builder
	for key, values := range header {
		for _, v := range values {
			b.WriteString(key + ":" + v + "\n")
		}
	}
	return b.String()
}

func splitHeader(text string) map[string][]string {
	header := make(map[string][]string)
	for line := range strings.SplitSeq(text, "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok {
			header[key] = append(header[key], value)
		}
	}
	return header
}

func FuzzDecode(f *testing.F) {
	good := goodFrame(f)
	for _, c := range hostileMessages(f) {
		m := c.apply(good)
		if header := joinHeader(m.header); len(header)+len(m.data) < maxSeed {
			f.Add(m.subject, header, m.data)
		}
	}
	f.Fuzz(func(t *testing.T, subject, headerText string, data []byte) {
		got, err := frame.Decode(subject, splitHeader(headerText), data, fuzzLimits())
		if err != nil {
			if reasonOf(err) == "" {
				t.Fatalf("an error that is no RejectError: %v", err)
			}
			return
		}
		if _, err := frame.ParseCameraID(string(got.Camera)); err != nil {
			t.Fatal(err)
		}
		if got.Width < 1 || got.Height < 1 || got.Width*got.Height > 1<<16 || got.Seq < 1 || !got.Key || got.Captured.UnixNano() < 1 {
			t.Fatalf("accepted %+v", got)
		}
		for _, stored := range []bool{false, true} {
			again, err := frame.Decode(got.Camera.FrameSubject(), got.Header(stored), got.Data, fuzzLimits())
			if err != nil {
				t.Fatalf("what was accepted is refused when sent on: %v", err)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Fatalf("(-accepted +sent on):\n%s", diff)
			}
		}
	})
}

func addPictures(f *testing.F) {
	for _, c := range scanCases(f) {
		if len(c.data) < maxSeed {
			f.Add(c.data)
		}
	}
	for _, data := range photographs(f) {
		if len(data) < maxSeed {
			f.Add(data)
		}
	}
}

func FuzzScanJPEG(f *testing.F) {
	addPictures(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := frame.ScanJPEG(data, frame.Limits{})
		if err != nil {
			if reasonOf(err) == "" || info != (frame.JPEGInfo{}) {
				t.Fatalf("refused with %+v, %v", info, err)
			}
			return
		}
		if info.Width < 1 || info.Height < 1 || info.Width*info.Height > frame.DefaultLimits().Pixels {
			t.Fatalf("accepted %+v", info)
		}
		if info.Scan < 2 || info.Scan+2 > len(data) || data[info.Scan] != 0xFF || data[info.Scan+1] != sos {
			t.Fatalf("no scan at byte %d", info.Scan)
		}
		if config, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && (config.Width != info.Width || config.Height != info.Height) {
			t.Fatalf("accepted as %dx%d, Go's decoder says %dx%d", info.Width, info.Height, config.Width, config.Height)
		}
	})
}

func FuzzCompleteJPEG(f *testing.F) {
	addPictures(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		input := bytes.Clone(data)
		whole, info, err := frame.CompleteJPEG(data, fuzzLimits())
		if !bytes.Equal(data, input) {
			t.Fatal("the input was written to")
		}
		if err != nil {
			if reasonOf(err) == "" || whole != nil {
				t.Fatalf("refused with %d bytes, %v", len(whole), err)
			}
			return
		}
		if scanned, err := frame.ScanJPEG(whole, fuzzLimits()); err != nil || scanned != info || !info.Huffman {
			t.Fatalf("told %+v, scanned %+v, %v", info, scanned, err)
		}
		again, infoAgain, err := frame.CompleteJPEG(whole, fuzzLimits())
		if err != nil || infoAgain != info || len(again) != len(whole) || &again[0] != &whole[0] {
			t.Fatalf("a complete picture was changed: %d bytes to %d, %+v to %+v, %v", len(whole), len(again), info, infoAgain, err)
		}
		before, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		after, err := jpeg.Decode(bytes.NewReader(whole))
		if err != nil {
			t.Fatalf("Go's decoder read the picture before it was completed: %v", err)
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatal("completing the picture changed its pixels")
		}
		if size := after.Bounds().Size(); size.X != info.Width || size.Y != info.Height {
			t.Fatalf("told %dx%d, decoded to %v", info.Width, info.Height, size)
		}
	})
}

func FuzzParseSubject(f *testing.F) {
	for _, c := range subjects {
		f.Add(c.subject)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		id, kind, err := frame.ParseSubject(subject)
		if err != nil {
			if id != "" || kind != "" || !errors.Is(err, frame.ErrSubject) && !errors.Is(err, frame.ErrCameraID) {
				t.Fatalf("refused with %q, %q, %v", id, kind, err)
			}
			return
		}
		if parsed, err := frame.ParseCameraID(string(id)); err != nil || parsed != id {
			t.Fatalf("accepted the id %q: %v", id, err)
		}
		_, verb, _ := strings.Cut(subject, ".control.")
		if !slices.Contains([]string{id.FrameSubject(), id.PreviewSubject(), id.StatusSubject(), id.ControlSubject(verb)}, subject) {
			t.Fatalf("%q is no subject of camera %s", subject, id)
		}
	})
}

func FuzzDecodeStatus(f *testing.F) {
	for _, c := range statusCases() {
		if len(c.data) < maxSeed {
			f.Add(c.subject, []byte(c.data))
		}
	}
	full, err := json.Marshal(fullStatus())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("cam.front.status", full)
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		s, err := frame.DecodeStatus(subject, data)
		if err != nil {
			if len(err.Error()) > 1000 || !reflect.ValueOf(s).IsZero() {
				t.Fatalf("refused with %+v, %d bytes of error", s, len(err.Error()))
			}
			return
		}
		if s.ID.StatusSubject() != subject || s.Width < 0 || s.Height < 0 || s.FPS < 0 || s.BitRate < 0 {
			t.Fatalf("accepted on %q: %+v", subject, s)
		}
		if text := s.Reason + s.Host + s.Source + strings.Join(s.Warnings, ""); strings.ContainsAny(text, "\n\r\x1b\x00\u202e") {
			t.Fatalf("accepted %q", text)
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("what was accepted cannot be written: %v", err)
		}
		if len(again) > 64<<10 { // escapes and zero values may make it longer than it was
			return
		}
		if back, err := frame.DecodeStatus(subject, again); err != nil {
			t.Fatalf("what was accepted is refused when sent on: %v", err)
		} else if diff := cmp.Diff(s, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-accepted +sent on):\n%s", diff)
		}
	})
}
