package source

import "bytes"

// delimiter is where findDelimiter found one.
type delimiter struct {
	found      bool
	begin, end int // of the line, with the line end before it and its own
	safe       int // not found: no delimiter begins before here, whatever comes
}

// findDelimiter looks for token as a line of its own, with any dashes around it, in data[from:].
// Only the line end after it is required: some cameras leave the one before it out. One that says
// that nothing follows is as good as any: some write each of them so.
func findDelimiter(data, token []byte, from int) delimiter {
	for at := from; ; at++ {
		i := bytes.Index(data[at:], token)
		if i < 0 {
			return delimiter{safe: max(len(data)-len(token)-delimiterRoom, 0)}
		}
		at += i
		if at > 0 && data[at-1] != '\n' && data[at-1] != '-' {
			continue
		}
		d := delimiter{begin: at, end: at + len(token)}
		for d.begin > 0 && data[d.begin-1] == '-' {
			d.begin--
		}
		if d.begin > 0 && data[d.begin-1] == '\n' {
			d.begin--
		}
		if d.begin > 0 && data[d.begin-1] == '\r' {
			d.begin--
		}
		tail := data[d.end:]
		tail = tail[:min(len(tail), delimiterRoom)]
		line, _, whole := bytes.Cut(tail, []byte("\n"))
		trimmed := bytes.TrimRight(line, "\r \t")
		switch {
		case !bytes.HasPrefix([]byte("--"), trimmed): // the token goes on
			continue
		case whole:
			d.found = true
			d.end += len(line) + 1
			return d
		case !whole && len(tail) < delimiterRoom: // its end has not arrived
			d.safe = d.begin
			return d
		}
	}
}

// boundaryToken is the part of a boundary that stays the same in all the ways in which cameras
// write it; empty where it is none.
func boundaryToken(boundary []byte) []byte {
	token := bytes.TrimLeft(boundary, "-")
	if len(token) == 0 && len(boundary) > 0 {
		token = boundary
	}
	if len(token) > maxBoundary || bytes.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil
	}
	return bytes.Clone(token)
}

// learn finds out from the beginning of the stream what its delimiters look like, and sets learned
// once it knows.
func (m *multipartReader) learn() {
	for {
		m.start += len(m.unread()) - len(bytes.TrimLeft(m.unread(), "\r\n"))
		data := m.unread()
		if m.bare = len(data) >= 3 && hasSOI(data); m.bare {
			m.token, m.learned = nil, true
			return
		}
		line, _, whole := bytes.Cut(data, []byte("\n"))
		if !whole && len(line) <= maxPartHeader {
			return
		}
		if len(m.token) > 0 && bytes.Contains(line, m.token) {
			m.learned = true
			return
		}
		token := boundaryToken(bytes.TrimRight(line, "\r \t"))
		if bytes.HasPrefix(line, []byte("--")) && len(token) > 0 { // another one than announced
			m.token = token
		}
		if len(m.token) > 0 {
			m.learned = true
			return
		}
		m.start += min(len(line)+1, len(data)) // a line before the first delimiter
	}
}
