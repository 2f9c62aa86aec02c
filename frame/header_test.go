package frame_test

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lensbus/lensbus/frame"
)

const (
	testSubject = "cam.front.frame"
	testEpoch   = "ABCDEFGHIJKLMNOPQRSTUVWXY2"
)

// goodFrame is a frame of a 64x48 picture.
func goodFrame(t testing.TB) frame.Frame {
	return frame.Frame{
		Camera: "front", Epoch: testEpoch, Seq: 7, Captured: time.Unix(1_700_000_000, 123_456_789),
		Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: goJPEG(t, 64, 48, false),
	}
}

func TestHeader(t *testing.T) {
	plain := map[string][]string{
		"Lens-Seq":      {"7"},
		"Lens-Epoch":    {testEpoch},
		"Lens-Captured": {"1700000000123456789"},
		"Lens-Codec":    {"jpeg"},
		"Lens-Width":    {"64"},
		"Lens-Height":   {"48"},
		"Lens-Key":      {"1"},
	}
	stored := maps.Clone(plain)
	stored["Nats-Msg-Id"] = []string{testEpoch + "-7"}
	f := goodFrame(t)
	if diff := cmp.Diff(plain, f.Header(false)); diff != "" {
		t.Errorf("not stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stored, f.Header(true)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	published := maps.Clone(stored)
	published["Lens-Published"] = []string{"1700000000125000000"}
	f.Published = time.Unix(1_700_000_000, 125_000_000)
	if diff := cmp.Diff(published, f.Header(true)); diff != "" {
		t.Errorf("stored and published (-want +got):\n%s", diff)
	}
	published["Lens-Unsent"] = []string{"12"}
	f.Unsent = 12
	if diff := cmp.Diff(published, f.Header(true)); diff != "" {
		t.Errorf("after pictures that were not sent (-want +got):\n%s", diff)
	}
	f.Unsent = 1<<64 - 1
	if got := f.Header(false)[frame.HeaderUnsent]; len(got) != 1 || got[0] != "4294967296" {
		t.Errorf("more than can be said is said as %q", got)
	}
	f.Published, f.Unsent = time.Time{}, 0
	f.Key = false
	if diff := cmp.Diff(plain, f.Header(false)); diff != "" {
		t.Errorf("every JPEG is a key (-want +got):\n%s", diff)
	}
	f.Codec = "h264"
	if h := f.Header(false); h[frame.HeaderKey] != nil {
		t.Errorf("a frame that is no key has %s: %q", frame.HeaderKey, h[frame.HeaderKey])
	}
}

// Values share memory; adding to one must not write over another.
func TestHeaderValuesAreApart(t *testing.T) {
	f := goodFrame(t)
	f.Published, f.Unsent = f.Captured.Add(time.Millisecond), 3
	h := f.Header(true)
	want := f.Header(true)
	for key := range h {
		_ = append(h[key], "overwritten")
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeReadsWhatHeaderWrites(t *testing.T) {
	for name, change := range map[string]func(*frame.Frame){
		"plain":        func(*frame.Frame) {},
		"first":        func(f *frame.Frame) { f.Seq = 1 },
		"last":         func(f *frame.Frame) { f.Seq = 1<<63 - 1 },
		"new epoch":    func(f *frame.Frame) { f.Epoch = frame.NewEpoch() },
		"long epoch":   func(f *frame.Frame) { f.Epoch = strings.Repeat("e", 64) },
		"1970":         func(f *frame.Frame) { f.Captured = time.Unix(0, 1) },
		"2262":         func(f *frame.Frame) { f.Captured = time.Unix(0, 1<<63-1) },
		"published":    func(f *frame.Frame) { f.Published = time.Unix(0, 1) },
		"unsent":       func(f *frame.Frame) { f.Unsent = 1 },
		"most unsent":  func(f *frame.Frame) { f.Published, f.Unsent = time.Unix(0, 1), frame.MaxUnsent },
		"grey":         func(f *frame.Frame) { f.Data = goJPEG(t, 64, 48, true) },
		"one pixel":    func(f *frame.Frame) { f.Width, f.Height, f.Data = 1, 1, goJPEG(t, 1, 1, true) },
		"wide":         func(f *frame.Frame) { f.Width, f.Height, f.Data = 65535, 1, goJPEG(t, 65535, 1, true) },
		"1000 x 10000": func(f *frame.Frame) { f.Width, f.Height, f.Data = 1000, 10000, resized(t, f.Data, 1000, 10000) },
	} {
		for _, stored := range []bool{false, true} {
			want := goodFrame(t)
			change(&want)
			got, err := frame.Decode(testSubject, want.Header(stored), want.Data, frame.Limits{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if &got.Data[0] != &want.Data[0] {
				t.Errorf("%s: the data was copied", name)
			}
		}
	}
}

// message is what comes in from the bus.
type message struct {
	subject string
	header  map[string][]string
	data    []byte
}

type hostileCase struct {
	name   string
	change func(*message)
	want   frame.Reason // "": a frame all the same
}

// hostileMessages are changes to a good message. They seed the fuzz test too.
func hostileMessages(t testing.TB) []hostileCase {
	cases := []hostileCase{
		{"unchanged", func(*message) {}, ""},
		{"preview", func(m *message) { m.subject = "cam.front.preview" }, ""},
		{"further headers", func(m *message) { m.header["Lens-Future"] = []string{"\x00", "x"}; m.header[""] = nil }, ""},
		{"deduplication id is not ours to read", func(m *message) { m.header[frame.HeaderMsgID] = []string{"x", "y"} }, ""},
		{"leading zeros", set(frame.HeaderSeq, "0007"), ""},

		{"status subject", func(m *message) { m.subject = "cam.front.status" }, frame.ReasonSubject},
		{"control subject", func(m *message) { m.subject = "cam.front.control.set" }, frame.ReasonSubject},
		{"bad id", func(m *message) { m.subject = "cam.Front.frame" }, frame.ReasonSubject},
		{"no subject", func(m *message) { m.subject = "" }, frame.ReasonSubject},

		{"no headers", func(m *message) { m.header = nil }, frame.ReasonHeader},
		{"lower-case headers", func(m *message) {
			h := make(map[string][]string)
			for key, v := range m.header {
				h[strings.ToLower(key)] = v
			}
			m.header = h
		}, frame.ReasonHeader},
		{"other codec", set(frame.HeaderCodec, "h264"), frame.ReasonCodec},
		{"codec in capitals", set(frame.HeaderCodec, "JPEG"), frame.ReasonCodec},
		{"empty codec", set(frame.HeaderCodec, ""), frame.ReasonCodec},
		{"codec of 64 KB", set(frame.HeaderCodec, strings.Repeat("\x1b", 64<<10)), frame.ReasonCodec},
		{"codec with no key", func(m *message) { m.header[frame.HeaderCodec] = []string{"h264"}; delete(m.header, frame.HeaderKey) }, frame.ReasonCodec},
		{"epoch with a line end", set(frame.HeaderEpoch, "a\nb"), frame.ReasonHeader},
		{"epoch of 65", set(frame.HeaderEpoch, strings.Repeat("e", 65)), frame.ReasonHeader},
		{"epoch with a path", set(frame.HeaderEpoch, "../x"), frame.ReasonHeader},
		{"epoch in Unicode", set(frame.HeaderEpoch, "épo"), frame.ReasonHeader},
		{"width too wide for a JPEG", set(frame.HeaderWidth, "65536"), frame.ReasonHeader},
		{"width of 2^32+64", set(frame.HeaderWidth, "4294967360"), frame.ReasonHeader},
		{"width of 2^64+64", set(frame.HeaderWidth, "18446744073709551680"), frame.ReasonHeader},
		{"key says no", set(frame.HeaderKey, "0"), frame.ReasonHeader},
		{"key says true", set(frame.HeaderKey, "true"), frame.ReasonHeader},

		{"headers lie", set(frame.HeaderWidth, "65"), frame.ReasonDimensions},
		{"headers turned round", func(m *message) {
			m.header[frame.HeaderWidth], m.header[frame.HeaderHeight] = m.header[frame.HeaderHeight], m.header[frame.HeaderWidth]
		}, frame.ReasonDimensions},

		{"no data", func(m *message) { m.data = nil }, frame.ReasonPicture},
		{"HTML", func(m *message) { m.data = []byte("<html>not found</html>") }, frame.ReasonPicture},
		{"half a picture", func(m *message) { m.data = m.data[:len(m.data)/2] }, frame.ReasonPicture},
		{"a line end after the picture", func(m *message) { m.data = append(bytes.Clone(m.data), '\n') }, frame.ReasonPicture},
		{"9 MB", func(m *message) { m.data = make([]byte, 9<<20) }, frame.ReasonTooLarge},
		{"65500x65500", func(m *message) { m.data = resized(t, m.data, 65500, 65500) }, frame.ReasonTooLarge},
		{"65500x65500 and says so", func(m *message) {
			m.data = resized(t, m.data, 65500, 65500)
			m.header[frame.HeaderWidth], m.header[frame.HeaderHeight] = []string{"65500"}, []string{"65500"}
		}, frame.ReasonTooLarge},
	}
	for _, key := range []string{
		frame.HeaderSeq, frame.HeaderEpoch, frame.HeaderCaptured, frame.HeaderCodec, frame.HeaderWidth, frame.HeaderHeight, frame.HeaderKey,
	} {
		cases = append(cases,
			hostileCase{"no " + key, func(m *message) { delete(m.header, key) }, frame.ReasonHeader},
			hostileCase{"no value in " + key, func(m *message) { m.header[key] = nil }, frame.ReasonHeader},
			hostileCase{key + " twice", func(m *message) { m.header[key] = append([]string{"1"}, m.header[key]...) }, frame.ReasonHeader},
		)
	}
	cases = append(cases,
		hostileCase{"says when it was published", set(frame.HeaderPublished, "1700000000125000000"), ""},
		hostileCase{"says what was not sent", set(frame.HeaderUnsent, "15"), ""},
		hostileCase{"unsent twice", func(m *message) { m.header[frame.HeaderUnsent] = []string{"1", "1"} }, frame.ReasonHeader},
		hostileCase{"unsent more than there are", set(frame.HeaderUnsent, "4294967297"), frame.ReasonHeader},
		hostileCase{"published twice", func(m *message) { m.header[frame.HeaderPublished] = []string{"1", "1"} }, frame.ReasonHeader},
	)
	for _, key := range []string{frame.HeaderSeq, frame.HeaderCaptured, frame.HeaderPublished, frame.HeaderUnsent, frame.HeaderWidth, frame.HeaderHeight} {
		for name, value := range map[string]string{
			"empty": "", "zero": "0", "negative": "-5", "signed": "+64", "minus zero": "-0", "fraction": "64.0", "exponent": "64e0",
			"hexadecimal": "0x40", "underscore": "6_4", "space": " 64", "space after": "64 ", "not a number": "NaN", "infinite": "Inf",
			"null": "null", "too big": "9223372036854775808", "far too big": strings.Repeat("9", 64<<10), "64 KB": strings.Repeat("A", 64<<10),
			"Arabic digits": "٦٤", "NUL": "64\x00", "line end": "64\r\nLens-Key: 1", "not UTF-8": "\xff\xfe", "HTML": "<script>",
		} {
			cases = append(cases, hostileCase{key + " " + name, set(key, value), frame.ReasonHeader})
		}
	}
	return cases
}

func set(key, value string) func(*message) {
	return func(m *message) { m.header[key] = []string{value} }
}

// apply makes the changed message of f.
func (c hostileCase) apply(f frame.Frame) message {
	m := message{subject: testSubject, header: f.Header(true), data: f.Data}
	c.change(&m)
	return m
}

func TestDecodeTrustsNothing(t *testing.T) {
	good := goodFrame(t)
	for _, c := range hostileMessages(t) {
		m := c.apply(good)
		f, err := frame.Decode(m.subject, m.header, m.data, frame.Limits{})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			} else if f.Camera != "front" || f.Seq != 7 || !f.Key || f.Width != 64 || f.Height != 48 {
				t.Errorf("%s: got %+v", c.name, f)
			}
			continue
		}
		var rejected *frame.RejectError
		if !errors.As(err, &rejected) {
			t.Errorf("%s: got %v, want a RejectError", c.name, err)
			continue
		}
		if rejected.Reason != c.want {
			t.Errorf("%s: got %v, want reason %s", c.name, err, c.want)
		}
		if text := err.Error(); len(text) > 500 || strings.ContainsAny(text, "\n\r\x1b\x00") {
			t.Errorf("%s: an error of %d bytes that is not one short line: %.600q", c.name, len(text), text)
		}
		if f.Data != nil || f.Camera != "" || f.Seq != 0 {
			t.Errorf("%s: a part of a frame came with the error", c.name)
		}
	}
}

func TestDecodeLimits(t *testing.T) {
	f := goodFrame(t)
	for _, c := range []struct {
		limits frame.Limits
		ok     bool
	}{
		{frame.Limits{}, true},
		{frame.Limits{Bytes: -1, Pixels: -1}, true}, // not positive: the default
		{frame.Limits{Bytes: len(f.Data), Pixels: 64 * 48}, true},
		{frame.Limits{Bytes: len(f.Data) - 1}, false},
		{frame.Limits{Pixels: 64*48 - 1}, false},
	} {
		_, err := frame.Decode(testSubject, f.Header(false), f.Data, c.limits)
		var rejected *frame.RejectError
		if c.ok && err != nil || !c.ok && (!errors.As(err, &rejected) || rejected.Reason != frame.ReasonTooLarge) {
			t.Errorf("%+v: %v", c.limits, err)
		}
	}
}

func TestMissedSince(t *testing.T) {
	for _, c := range []struct {
		prevEpoch, epoch string
		prev, now        uint64
		want             uint64
	}{
		{"a", "a", 1, 2, 0},
		{"a", "a", 1, 3, 1},
		{"a", "a", 1, 1<<63 - 1, 1<<63 - 3},
		{"a", "a", 3, 3, 0}, // twice
		{"a", "a", 3, 1, 0}, // out of order
		{"a", "b", 1, 9, 0}, // the publisher began anew
		{"", "a", 0, 5, 0},  // no frame before
	} {
		prev, f := frame.Frame{Epoch: c.prevEpoch, Seq: c.prev}, frame.Frame{Epoch: c.epoch, Seq: c.now}
		if got := f.MissedSince(&prev); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

func TestNewEpoch(t *testing.T) {
	seen := make(map[string]bool)
	f := goodFrame(t)
	for range 1000 {
		f.Epoch = frame.NewEpoch()
		if seen[f.Epoch] {
			t.Fatalf("%s came twice", f.Epoch)
		}
		seen[f.Epoch] = true
		if _, err := frame.Decode(testSubject, f.Header(false), f.Data, frame.Limits{}); err != nil {
			t.Fatal(err)
		}
	}
}
