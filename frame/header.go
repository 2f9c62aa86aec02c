package frame

import (
	"fmt"
	"strconv"
	"time"
)

// The headers of a frame message. Their meaning is that of the [Frame] field of the same name.
const (
	HeaderSeq      = "Lens-Seq"
	HeaderEpoch    = "Lens-Epoch"
	HeaderCaptured = "Lens-Captured"
	HeaderCodec    = "Lens-Codec"
	HeaderWidth    = "Lens-Width"
	HeaderHeight   = "Lens-Height"
	HeaderKey      = "Lens-Key"
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
	ReasonHeader     Reason = "header"     // a header is missing, unreadable or out of range
	ReasonCodec      Reason = "codec"      // a codec that this program does not know
	ReasonTooLarge   Reason = "too_large"  // more bytes or pixels than the limits allow
	ReasonPicture    Reason = "picture"    // the payload is not a whole picture
	ReasonDimensions Reason = "dimensions" // the headers lie about the picture
)

// RejectError is what [Decode] and [ScanJPEG] return for a message that cannot be trusted. It is
// normal on an open bus: count it by Reason, drop the message, go on.
type RejectError struct {
	Reason Reason
	Detail string
}

func (e *RejectError) Error() string { return "not a frame (" + string(e.Reason) + "): " + e.Detail }

func reject(r Reason, format string, args ...any) error {
	return &RejectError{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// Header returns the NATS headers of f, to be sent with f.Data as the bare payload. Convert the
// result to nats.Header. With stored, it carries the deduplication id for JetStream too.
func (f *Frame) Header(stored bool) map[string][]string {
	// One backing array for all values: a frame costs 3 allocations here instead of 9.
	values := [...]string{
		strconv.FormatUint(f.Seq, 10), f.Epoch, strconv.FormatInt(f.Captured.UnixNano(), 10),
		string(f.Codec), strconv.Itoa(f.Width), strconv.Itoa(f.Height), "1", "",
	}
	v := values[:]
	h := make(map[string][]string, len(values))
	h[HeaderSeq] = v[0:1:1]
	h[HeaderEpoch] = v[1:2:2]
	h[HeaderCaptured] = v[2:3:3]
	h[HeaderCodec] = v[3:4:4]
	h[HeaderWidth] = v[4:5:5]
	h[HeaderHeight] = v[5:6:6]
	if f.Key {
		h[HeaderKey] = v[6:7:7]
	}
	if stored {
		v[7] = f.Epoch + "-" + v[0]
		h[HeaderMsgID] = v[7:8:8]
	}
	return h
}

// Decode makes a Frame of a received message, and trusts nothing in it: the subject's camera id,
// every header, the payload's markers, and that the headers tell the picture's true size. The
// frame keeps data. Every error is a [*RejectError].
func Decode(subject string, header map[string][]string, data []byte, limits Limits) (Frame, error) {
	id, kind, err := ParseSubject(subject)
	if err != nil {
		return Frame{}, reject(ReasonSubject, "%v", err)
	}
	if kind != KindFrame && kind != KindPreview {
		return Frame{}, reject(ReasonSubject, "%s carries no pictures", subject)
	}
	f := Frame{Camera: id, Data: data, Codec: Codec(first(header, HeaderCodec)), Epoch: first(header, HeaderEpoch)}
	if f.Codec != JPEG {
		return Frame{}, reject(ReasonCodec, "%s is %.40q, not %q", HeaderCodec, f.Codec, JPEG)
	}
	if !validEpoch(f.Epoch) {
		return Frame{}, reject(ReasonHeader, "%s %.40q: want 1 to 64 letters, digits, '-' or '_'", HeaderEpoch, f.Epoch)
	}
	if f.Seq, err = strconv.ParseUint(first(header, HeaderSeq), 10, 63); err != nil || f.Seq == 0 {
		return Frame{}, reject(ReasonHeader, "%s %.40q: want a count from 1", HeaderSeq, first(header, HeaderSeq))
	}
	captured, err := strconv.ParseInt(first(header, HeaderCaptured), 10, 64)
	if err != nil || captured <= 0 {
		return Frame{}, reject(ReasonHeader, "%s %.40q: want Unix nanoseconds", HeaderCaptured, first(header, HeaderCaptured))
	}
	f.Captured = time.Unix(0, captured)
	f.Key = first(header, HeaderKey) == "1"

	info, err := ScanJPEG(data, limits)
	if err != nil {
		return Frame{}, err
	}
	width, errW := strconv.Atoi(first(header, HeaderWidth))
	height, errH := strconv.Atoi(first(header, HeaderHeight))
	if errW != nil || errH != nil {
		return Frame{}, reject(ReasonHeader, "%s %.20q, %s %.20q: want pixels", HeaderWidth, first(header, HeaderWidth), HeaderHeight, first(header, HeaderHeight))
	}
	if width != info.Width || height != info.Height {
		return Frame{}, reject(ReasonDimensions, "headers say %dx%d, the picture is %dx%d", width, height, info.Width, info.Height)
	}
	f.Width, f.Height = width, height
	return f, nil
}

func first(h map[string][]string, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func validEpoch(s string) bool {
	if len(s) == 0 || len(s) > 64 {
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
