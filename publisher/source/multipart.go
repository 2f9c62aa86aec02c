package source

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// multipartReader takes the pictures out of a multipart/x-mixed-replace stream as cameras really
// send it: boundaries with and without dashes, or others than announced, lengths that are missing,
// too small or too large, parts that are no pictures. What cannot be used is dropped and reported,
// and reading goes on at the next boundary.
//
// mime/multipart is for mails: it waits for the next boundary before it ends a part, which is one
// picture too late, and gives a stream up at the first fault.
type multipartReader struct {
	r        io.Reader
	token    []byte // the boundary without its dashes; empty while unknown
	maxBytes int    // of a picture
	// dropped is told about each part that was no picture.
	dropped func(why string)
	// lied is told once that a Content-Length was wrong. From then on none is believed.
	lied func()

	distrust bool
	learned  bool // what the stream's delimiters look like
	bare     bool // there are none at all, only pictures
	buf      []byte
	start    int       // of what is not used up in buf
	arrived  time.Time // when the newest bytes of buf came
	now      func() time.Time
}

const (
	maxPartHeader = 16 << 10 // bytes
	maxBoundary   = 200      // bytes; RFC 2046 has 70
	readSize      = 64 << 10 // bytes asked for at a time
	delimiterRoom = 16       // bytes that may stand around a token: line ends, dashes, blanks
)

// newMultipartReader reads r. The boundary is the Content-Type's parameter as it came, "" where
// there is none: then the stream's first line tells.
func newMultipartReader(r io.Reader, boundary string, maxBytes int) *multipartReader {
	m := &multipartReader{r: r, maxBytes: maxBytes, dropped: func(string) {}, lied: func() {}, now: time.Now}
	m.token = boundaryToken([]byte(strings.Trim(boundary, `" `)))
	return m
}

// next returns the next picture, with the time at which its first byte came. Its errors are the
// reader's; the end of the stream is one too: io.EOF between pictures, io.ErrUnexpectedEOF inside.
func (m *multipartReader) next() (Picture, error) {
	for {
		if err := m.seek(); err != nil {
			return Picture{}, err
		}
		length := 0
		if !m.bare {
			var ok bool
			var err error
			if length, ok, err = m.header(); err != nil {
				return Picture{}, err
			}
			if !ok {
				continue
			}
		}
		if pic, ok, err := m.body(length); ok || err != nil {
			return pic, err
		}
	}
}

func (m *multipartReader) unread() []byte { return m.buf[m.start:] }

// fill reads once more.
func (m *multipartReader) fill() error {
	if m.start > 0 && cap(m.buf)-len(m.buf) < readSize {
		m.buf = m.buf[:copy(m.buf, m.unread())]
		m.start = 0
	}
	if room := cap(m.buf) - len(m.buf); room < readSize {
		grown := make([]byte, len(m.buf), 2*cap(m.buf)+readSize)
		copy(grown, m.buf)
		m.buf = grown
	}
	for range 100 {
		n, err := m.r.Read(m.buf[len(m.buf):cap(m.buf)])
		m.buf = m.buf[:len(m.buf)+n]
		if n > 0 {
			m.arrived = m.now()
			return nil // an error comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// seek goes behind the next delimiter line. In a stream without any it goes to the next picture.
func (m *multipartReader) seek() error {
	for from := 0; ; {
		if !m.learned {
			m.learn()
		}
		data := m.unread()
		switch {
		case !m.learned:
		case m.bare:
			if i := bytes.Index(data, []byte{0xFF, 0xD8, 0xFF}); i >= 0 {
				m.start += i
				return nil
			}
			m.start += max(len(data)-2, 0)
		default:
			d := findDelimiter(data, m.token, from)
			if d.found {
				m.start += d.end
				return nil
			}
			m.start += d.safe
			if d.safe > 0 {
				from = 1 // the byte before tells whether a token begins a line
			}
		}
		if err := m.fill(); err != nil {
			return err
		}
	}
}

// header reads a part's header and returns its Content-Length, 0 where it has none that makes
// sense. It returns false where there is no end to it.
func (m *multipartReader) header() (length int, ok bool, err error) {
	for used := 0; used <= maxPartHeader; {
		data := m.unread()
		if hasSOI(data) { // no empty line after the header, or no header
			return length, true, nil
		}
		line, _, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			if len(data) > maxPartHeader {
				break
			}
			if err := m.fill(); err != nil {
				if used == 0 && len(data) == 0 {
					return 0, false, err // right after a delimiter, as it should
				}
				return 0, false, inside(err)
			}
			continue
		}
		used += len(line) + 1
		m.start += len(line) + 1
		line = bytes.TrimRight(line, "\r \t")
		if len(line) == 0 {
			return length, true, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if strings.EqualFold(string(bytes.TrimSpace(name)), "Content-Length") {
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil || n < 0 {
				n = 0
			}
			length = n
		}
	}
	m.dropped(fmt.Sprintf("a part's header is longer than %d bytes", maxPartHeader))
	return 0, false, nil
}

// body reads a part's body. It returns false where it is no picture.
func (m *multipartReader) body(length int) (Picture, bool, error) {
	if m.distrust {
		length = 0
	} else if length > m.maxBytes {
		length = m.lie()
	}
	for { // line ends before a picture, from header lines that end in more than one
		m.start += len(m.unread()) - len(bytes.TrimLeft(m.unread(), "\r\n"))
		if len(m.unread()) >= 2 {
			break
		}
		if err := m.fill(); err != nil {
			return Picture{}, false, inside(err)
		}
	}
	if !hasSOI(m.unread()) {
		m.dropped("a part does not begin with a JPEG's SOI marker")
		return Picture{}, false, nil
	}
	captured := m.arrived
	var walk jpegEnd
	for scanned := 0; ; {
		data := m.unread()
		looked := data
		if length > 0 {
			looked = data[:min(length, len(data))]
		}
		var d delimiter
		if len(m.token) > 0 {
			d = findDelimiter(looked, m.token, scanned)
			scanned = max(d.safe-1, 0) // with the byte before a token
		}
		if length > 0 && !d.found {
			if len(data) >= length {
				if size := jpegExtent(data[:length]); size > 0 {
					return m.take(size, length, captured), true, nil
				}
				length = m.lie() // it is a picture all the same, only of another length
				continue
			}
		} else {
			if length > 0 {
				length = m.lie()
			}
			size := walk.find(data)
			if d.found && (size == 0 || size > d.begin) {
				if size = jpegExtent(data[:d.begin]); size == 0 {
					m.dropped("a picture is cut off")
					m.start += d.begin
					return Picture{}, false, nil
				}
			}
			if size > m.maxBytes {
				m.dropped(fmt.Sprintf("a picture is larger than %d bytes", m.maxBytes))
				m.start += size
				return Picture{}, false, nil
			}
			if size > 0 {
				return m.take(size, size, captured), true, nil
			}
		}
		if len(data) > m.maxBytes+maxBoundary {
			m.dropped(fmt.Sprintf("a picture is larger than %d bytes", m.maxBytes))
			m.start += max(d.safe, 2)
			return Picture{}, false, nil
		}
		if m.bare && walk.broken {
			m.dropped("a picture's markers make no sense")
			m.start += 2
			return Picture{}, false, nil
		}
		if err := m.fill(); err != nil {
			return Picture{}, false, inside(err)
		}
	}
}

// take returns the first size bytes as a picture and uses up the first used ones.
func (m *multipartReader) take(size, used int, captured time.Time) Picture {
	pic := Picture{Data: bytes.Clone(m.unread()[:size]), Captured: captured}
	m.start += used
	return pic
}

// lie notes that a Content-Length was wrong, and returns 0 for it.
func (m *multipartReader) lie() int {
	m.distrust = true
	m.lied()
	return 0
}

// inside is err for a stream that ended in the middle of something.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
