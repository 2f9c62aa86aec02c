package frame

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// The headers of a frame message. Their meaning is that of the [Frame] field of the same name. NATS
// tells upper from lower case in them.
const (
	HeaderSeq      = "Lens-Seq"
	HeaderEpoch    = "Lens-Epoch"
	HeaderCaptured = "Lens-Captured"
	HeaderCodec    = "Lens-Codec"
	HeaderWidth    = "Lens-Width"
	HeaderHeight   = "Lens-Height"
	HeaderKey      = "Lens-Key"
	// HeaderPublished may be missing: it is for measuring the way, not for showing the picture.
	HeaderPublished = "Lens-Published"
	// HeaderUnsent is there where it is not 0.
	HeaderUnsent = "Lens-Unsent"
	// HeaderMsgID is NATS's own deduplication header: <epoch>-<seq>, only where the frame is stored.
	HeaderMsgID = "Nats-Msg-Id"
)

// Limits bound what [Decode] accepts. The zero value means [DefaultLimits].
type Limits struct {
	Bytes  int // of Data
	Pixels int // Width × Height
}

// DefaultLimits are the broker's max_payload (8 MiB) and an 8K picture (7680×4320 pixels, 33 MP,
// 100 MB when decoded to RGB).
func DefaultLimits() Limits { return Limits{Bytes: 8 << 20, Pixels: 7680 * 4320} }

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Bytes <= 0 {
		l.Bytes = d.Bytes
	}
	if l.Pixels <= 0 {
		l.Pixels = d.Pixels
	}
	return l
}

// Reason says why a message was not accepted as a frame. It is a label in metrics and status.
type Reason string

// Reasons of a [RejectError].
const (
	ReasonSubject    Reason = "subject"    // no camera subject, or a bad camera id in it
	ReasonHeader     Reason = "header"     // a header is missing, there twice, unreadable or out of range
	ReasonCodec      Reason = "codec"      // a codec that this program does not know
	ReasonTooLarge   Reason = "too_large"  // more bytes or pixels than the limits allow
	ReasonPicture    Reason = "picture"    // the payload is not a whole picture
	ReasonDimensions Reason = "dimensions" // the headers lie about the picture
	ReasonSealed     Reason = "sealed"     // sealed, and no key that is here opens it
	ReasonSeal       Reason = "seal"       // the seal is broken, of somebody else, or missing where there must be one
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{
		ReasonSubject, ReasonHeader, ReasonCodec, ReasonTooLarge, ReasonPicture, ReasonDimensions, ReasonSealed, ReasonSeal,
	}
}

// RejectError is what [Decode] and [ScanJPEG] return for a message that cannot be trusted. It is
// normal on an open bus: count it by Reason, drop the message, go on.
type RejectError struct {
	Reason Reason
	Detail string
}

func (e *RejectError) Error() string {
	if e.Reason == ReasonSealed { // it is a frame, for others
		return e.Detail
	}
	return "not a frame (" + string(e.Reason) + "): " + e.Detail
}

// NoKey is the error for a sealed frame where no key opens it, with [ReasonSealed].
func NoKey() error {
	return &RejectError{Reason: ReasonSealed, Detail: "sealed, and no key here opens it (--key FILE)"}
}

func reject(r Reason, format string, args ...any) error {
	return &RejectError{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// MaxUnsent is the largest [Frame.Unsent] on the wire.
const MaxUnsent = 1 << 32

// maxSide is how many pixels wide or high a JPEG can be.
const maxSide = math.MaxUint16

// Header returns the NATS headers of f, to be sent with f.Data as the bare payload. Convert the
// result to nats.Header. With stored, it carries the deduplication id for JetStream too.
//
// It checks nothing. [Decode] takes what it returns where f has an Epoch of [NewEpoch], a Seq from
// 1, a Captured after 1970 and the Width and Height of Data (see [CompleteJPEG]).
func (f *Frame) Header(stored bool) map[string][]string {
	// All numbers stand in one string and all values in one array, so that a frame costs 4
	// allocations. In that string epoch, '-' and seq, one after the other, are the deduplication id.
	var room [208]byte
	text := append(room[:0], f.Epoch...)
	text = append(text, '-')
	var ends [6]int
	start := len(text)
	text = strconv.AppendUint(text, f.Seq, 10)
	ends[0] = len(text)
	text = strconv.AppendInt(text, f.Captured.UnixNano(), 10)
	ends[1] = len(text)
	text = strconv.AppendInt(text, int64(f.Width), 10)
	ends[2] = len(text)
	text = strconv.AppendInt(text, int64(f.Height), 10)
	ends[3] = len(text)
	if !f.Published.IsZero() {
		text = strconv.AppendInt(text, f.Published.UnixNano(), 10)
	}
	ends[4] = len(text)
	if f.Unsent > 0 {
		text = strconv.AppendUint(text, min(f.Unsent, MaxUnsent), 10)
	}
	ends[5] = len(text)
	all := string(text)

	v := []string{
		all[start:ends[0]], f.Epoch, all[ends[0]:ends[1]], string(f.Codec),
		all[ends[1]:ends[2]], all[ends[2]:ends[3]], "1", all[:ends[0]], all[ends[3]:ends[4]],
		all[ends[4]:ends[5]],
	}
	entries := 8 // with a ninth the map is of the larger kind: 2 allocations more
	if stored && !f.Published.IsZero() {
		entries++
	}
	h := make(map[string][]string, entries)
	h[HeaderSeq] = v[0:1:1]
	h[HeaderEpoch] = v[1:2:2]
	h[HeaderCaptured] = v[2:3:3]
	h[HeaderCodec] = v[3:4:4]
	h[HeaderWidth] = v[4:5:5]
	h[HeaderHeight] = v[5:6:6]
	if f.Key || f.Codec == JPEG {
		h[HeaderKey] = v[6:7:7]
	}
	if stored {
		h[HeaderMsgID] = v[7:8:8]
	}
	if !f.Published.IsZero() {
		h[HeaderPublished] = v[8:9:9]
	}
	if f.Unsent > 0 {
		h[HeaderUnsent] = v[9:10:10]
	}
	return h
}

// Decode makes a Frame of a received message, and trusts nothing in it: the subject's camera id,
// every header, the payload's markers, and that the headers tell the picture's true size. Headers
// that are not in this package are not looked at. The frame keeps data and the headers' values.
// Every error is a [*RejectError].
func Decode(subject string, header map[string][]string, data []byte, limits Limits) (Frame, error) {
	id, kind, err := ParseSubject(subject)
	if err != nil {
		return Frame{}, reject(ReasonSubject, "%v", err)
	}
	if kind != KindFrame && kind != KindPreview {
		return Frame{}, reject(ReasonSubject, "%s carries no pictures", subject)
	}
	h := headers{values: header}
	// The codec first: which of the others must be there is for the codec to say.
	codec := Codec(h.text(HeaderCodec))
	if h.err == nil && codec != JPEG && codec != SealedJPEG {
		return Frame{}, reject(ReasonCodec, "%s is %.40q, not %q or %q", HeaderCodec, codec, JPEG, SealedJPEG)
	}
	epoch := h.text(HeaderEpoch)
	if h.err == nil && !validEpoch(epoch) {
		return Frame{}, reject(ReasonHeader, "%s %.40q: want 1 to %d letters, digits, '-' or '_'", HeaderEpoch, epoch, maxEpoch)
	}
	if key := h.text(HeaderKey); h.err == nil && key != "1" {
		return Frame{}, reject(ReasonHeader, "%s %.40q: want 1, as decoding can start at every JPEG", HeaderKey, key)
	}
	f := Frame{
		Camera: id, Epoch: epoch, Codec: codec, Key: true, Data: data,
		Seq:      uint64(h.number(HeaderSeq, math.MaxInt64)),
		Captured: time.Unix(0, h.number(HeaderCaptured, math.MaxInt64)),
		Width:    int(h.number(HeaderWidth, maxSide)),
		Height:   int(h.number(HeaderHeight, maxSide)),
	}
	if _, there := header[HeaderPublished]; there {
		f.Published = time.Unix(0, h.number(HeaderPublished, math.MaxInt64))
	}
	if _, there := header[HeaderUnsent]; there {
		f.Unsent = uint64(h.number(HeaderUnsent, MaxUnsent))
	}
	if h.err != nil {
		return Frame{}, h.err
	}
	if err := f.Check(limits); err != nil {
		return Frame{}, err
	}
	return f, nil
}

// Check says what is wrong with the picture of a frame: [Decode] does it last, and whoever has opened a
// sealed frame. Of one that is still sealed only the sizes are checked. Every error is a
// [*RejectError].
func (f *Frame) Check(limits Limits) error {
	if f.Codec.Sealed() {
		return f.checkSizes(limits.orDefault())
	}
	info, err := ScanJPEG(f.Data, limits)
	if err != nil {
		return err
	}
	if f.Width != info.Width || f.Height != info.Height {
		return reject(ReasonDimensions, "headers say %dx%d, the picture is %dx%d", f.Width, f.Height, info.Width, info.Height)
	}
	return nil
}

func (f *Frame) checkSizes(limits Limits) error {
	switch n := len(f.Data); {
	case n == 0:
		return reject(ReasonPicture, "nothing is sealed")
	case n > limits.Bytes:
		return reject(ReasonTooLarge, "%d bytes, limit %d", n, limits.Bytes)
	case int64(f.Width)*int64(f.Height) > int64(limits.Pixels):
		return reject(ReasonTooLarge, "%dx%d pixels, limit %d", f.Width, f.Height, limits.Pixels)
	}
	return nil
}

// headers reads the headers of a received message and keeps the first thing that is wrong with
// them; all that is read after it means nothing.
type headers struct {
	values map[string][]string
	err    error
}

// text reads a header that must be there, once: of two, consumers would not agree on which counts.
func (h *headers) text(key string) string {
	v := h.values[key]
	if len(v) != 1 && h.err == nil {
		h.err = reject(ReasonHeader, "%s is there %d times, want once", key, len(v))
	}
	if h.err != nil {
		return ""
	}
	return v[0]
}

// number reads a header of decimal digits, a value from 1 to limit.
func (h *headers) number(key string, limit int64) int64 {
	s := h.text(key)
	if h.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 63) // takes no sign
	if err != nil || n == 0 || int64(n) > limit {
		h.err = reject(ReasonHeader, "%s %.40q: want a number from 1 to %d", key, s, limit)
		return 0
	}
	return int64(n)
}

const maxEpoch = 64

func validEpoch(s string) bool {
	if len(s) == 0 || len(s) > maxEpoch {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
