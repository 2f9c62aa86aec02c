package worker

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// A capture process that has lost control of itself may send anything: what is taken of it is of a known
// kind and within its limit, and no more memory is asked for than that.
func FuzzReadMessage(f *testing.F) {
	good := func(kind byte, payload string) []byte {
		var header [headerSize]byte
		putHeader(header[:], kind, len(payload))
		return append(header[:], payload...)
	}
	f.Add(good(msgPicture, "12345678\xff\xd8\xff\xd9"))
	f.Add(good(msgInfo, `{"width":640}`))
	f.Add(append(good(msgDropped, `{"invalid":1}`), good(msgEnd, `{"eof":true}`)...))
	f.Add([]byte{msgLog, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 10
		r := bytes.NewReader(data)
		var header [headerSize]byte
		for {
			m, err := readMessage(r, &header, most)
			if err != nil {
				return
			}
			if len(m.payload) != int(binary.BigEndian.Uint32(header[1:])) || m.kind == msgPicture && (len(m.payload) < stampSize || len(m.payload) > stampSize+most) || len(m.payload) > maxText {
				t.Errorf("a message %q of %d bytes", m.kind, len(m.payload))
			}
		}
	})
}
