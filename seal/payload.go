package seal

import (
	"encoding/binary"
	"strconv"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/lensbus/lensbus/frame"
)

// A sealed frame's data (docs/reference/frames.md has it as a table):
//
//	mark, sender's public key, one that is used once, number of wraps, length of each, wraps   the envelope
//	nonce, ciphertext with tag                                                                 the picture
const (
	mark      = "LBS\x01" // no JPEG begins like that
	keyBytes  = 32
	fixedHead = len(mark) + 2*keyBytes + 1 + 2
	mostWrap  = 256
	nonceSize = chacha20poly1305.NonceSizeX
	tagSize   = chacha20poly1305.Overhead
)

// payload is a sealed frame's data, taken apart. It keeps it.
type payload struct {
	envelope []byte // all before the nonce
	sender   []byte
	once     []byte // public key of this envelope
	wraps    []byte // all
	wrap     int    // length of one
	nonce    []byte
	sealed   []byte
}

// parse takes data apart and believes nothing that does not fit. Its errors have frame.ReasonSeal.
func parse(data []byte) (payload, error) {
	if len(data) < fixedHead || string(data[:len(mark)]) != mark {
		return payload{}, broken("%d bytes that are not sealed as this program knows it", len(data))
	}
	keys := data[len(mark):]
	viewers := int(keys[2*keyBytes])
	p := payload{sender: keys[:keyBytes], once: keys[keyBytes : 2*keyBytes], wrap: int(binary.BigEndian.Uint16(data[fixedHead-2:]))}
	if viewers < 1 || viewers > MostViewers || p.wrap < 1 || p.wrap > mostWrap {
		return payload{}, broken("sealed to %d keys of %d bytes: want at most %d of %d", viewers, p.wrap, MostViewers, mostWrap)
	}
	end := fixedHead + viewers*p.wrap
	if len(data) < end+nonceSize+tagSize+1 {
		return payload{}, broken("%d bytes sealed to %d keys: cut off", len(data), viewers)
	}
	p.envelope, p.wraps = data[:end], data[fixedHead:end]
	p.nonce, p.sealed = data[end:end+nonceSize], data[end+nonceSize:]
	return p, nil
}

// context is what a content key is for: it is wrapped together with the key, so that the envelope of
// one camera's run is of no use for another's.
func context(to []byte, f *frame.Frame) []byte {
	to = append(to, f.Camera...)
	to = append(to, '\n')
	return append(to, f.Epoch...)
}

// bound is what is authenticated with a picture: the envelope, what it is sent as, and all that the frame
// says of itself but when it was published. No field has a line end in it.
func bound(to, envelope []byte, f *frame.Frame, as frame.Kind, codec frame.Codec) []byte {
	to = append(to, envelope...)
	to = context(to, f)
	to = append(to, '\n')
	to = append(to, as...)
	to = append(to, '\n')
	to = strconv.AppendUint(to, f.Seq, 10)
	to = append(to, '\n')
	to = strconv.AppendInt(to, f.Captured.UnixNano(), 10)
	to = append(to, '\n')
	to = append(to, codec...)
	to = append(to, '\n')
	to = strconv.AppendInt(to, int64(f.Width), 10)
	to = append(to, '\n')
	return strconv.AppendInt(to, int64(f.Height), 10)
}
