package source

import "bytes"

// jpegEnd finds where a JPEG ends that is still arriving and whose length nobody told, or told
// wrongly. It follows the markers, so a thumbnail's end inside the picture is not taken for it.
// The zero value is ready; one is for one picture.
type jpegEnd struct {
	at     int  // up to which data was looked at
	inScan bool // at lies in entropy-coded data
	broken bool
}

// find returns the length of the picture that data begins with, EOI included, and 0 where that is
// not known yet or data is no JPEG. Between calls data only grows.
func (j *jpegEnd) find(data []byte) int {
	if j.at == 0 {
		j.at = 2 // SOI, which the caller has seen
	}
	for !j.broken {
		if j.inScan && !j.skipScan(data) {
			return 0
		}
		if j.at+2 > len(data) {
			return 0
		}
		if data[j.at] != 0xFF {
			j.broken = true
			return 0
		}
		switch marker := data[j.at+1]; {
		case marker == 0xFF: // fill byte
			j.at++
		case marker == 0xD9: // EOI
			return j.at + 2
		case marker == 0x01 || marker >= 0xD0 && marker <= 0xD7: // no length follows
			j.at += 2
		case marker == 0 || marker == 0xD8:
			j.broken = true
		default:
			if j.at+4 > len(data) {
				return 0
			}
			length := int(data[j.at+2])<<8 | int(data[j.at+3])
			if length < 2 {
				j.broken = true
			}
			j.at += 2 + length
			j.inScan = marker == 0xDA // SOS
		}
	}
	return 0
}

// skipScan goes to the marker that ends the entropy-coded data. It returns false where that has
// not arrived yet.
func (j *jpegEnd) skipScan(data []byte) bool {
	for j.at < len(data) {
		i := bytes.IndexByte(data[j.at:], 0xFF)
		if i < 0 {
			j.at = len(data)
			return false
		}
		j.at += i
		if j.at+1 >= len(data) {
			return false
		}
		switch next := data[j.at+1]; {
		case next == 0 || next >= 0xD0 && next <= 0xD7: // a stuffed 0xFF, or a restart
			j.at += 2
		case next == 0xFF:
			j.at++
		default:
			j.inScan = false
			return true
		}
	}
	return false
}

// jpegExtent returns the length of the JPEG that part begins with when it is followed by nothing
// but padding and line ends, otherwise 0. It looks at both ends only.
func jpegExtent(part []byte) int {
	if !hasSOI(part) {
		return 0
	}
	for n := len(part); n >= 4; n-- {
		if part[n-2] == 0xFF && part[n-1] == 0xD9 {
			return n
		}
		switch part[n-1] {
		case 0, 0xFF, '\r', '\n', '-', ' ':
		default:
			return 0
		}
	}
	return 0
}

func hasSOI(data []byte) bool { return len(data) >= 2 && data[0] == 0xFF && data[1] == 0xD8 }
