package seal_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/nacl/box"
)

// What docs/reference/frames.md says of the payload is enough to open it, with NaCl and an AEAD and
// nothing of this package. What is recorded must be opened like that in years.
func TestWireFormat(t *testing.T) {
	key := newKey(t)
	secret, err := key.Secret()
	if err != nil {
		t.Fatal(err)
	}
	_, raw, err := nkeys.DecodeSeed([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	f := picture(t)
	publisher := newKey(t)
	got := sealed(t, newSealer(t, publisher, newKey(t).Public(), key.Public()), f)
	data, header := got.Data, got.Header(false)

	if string(data[:4]) != "LBS\x01" {
		t.Fatalf("begins with %x", data[:4])
	}
	sender, err := nkeys.Decode(nkeys.PrefixByteCurve, []byte(publisher.Public()))
	if err != nil || !bytes.Equal(data[4:36], sender) {
		t.Fatalf("sender %x, %v", data[4:36], err)
	}
	once := data[36:68]
	n, m := int(data[68]), int(binary.BigEndian.Uint16(data[69:71]))
	end := 71 + n*m
	run := string(got.Camera) + "\n" + header["Lens-Epoch"][0]
	var content []byte
	for wrap := data[71:end]; len(wrap) > 0; wrap = wrap[m:] {
		if string(wrap[:4]) != "xkv1" {
			t.Fatalf("wrap begins with %q", wrap[:4])
		}
		inner, ok := box.Open(nil, wrap[28:m], (*[24]byte)(wrap[4:28]), (*[32]byte)(once), (*[32]byte)(raw))
		if !ok {
			continue
		}
		if string(inner[:4]) != "xkv1" {
			t.Fatalf("what is in the wrap begins with %q", inner[:4])
		}
		if opened, ok := box.Open(nil, inner[28:], (*[24]byte)(inner[4:28]), (*[32]byte)(sender), (*[32]byte)(raw)); ok {
			content = opened
		}
	}
	if n != 2 || len(content) != 32+len(run) || string(content[32:]) != run {
		t.Fatalf("%d wraps, content key %d bytes", n, len(content))
	}
	aead, err := chacha20poly1305.NewX(content[:32])
	if err != nil {
		t.Fatal(err)
	}
	bound := fmt.Appendf(bytes.Clone(data[:end]), "%s\nframe\n%s\n%s\njpeg\n%s\n%s", run,
		header["Lens-Seq"][0], header["Lens-Captured"][0], header["Lens-Width"][0], header["Lens-Height"][0])
	opened, err := aead.Open(nil, data[end:end+24], data[end+24:], bound)
	if err != nil || !bytes.Equal(opened, f.Data) {
		t.Fatal(err)
	}
}
