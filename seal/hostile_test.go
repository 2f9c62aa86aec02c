package seal_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/nacl/box"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// Who has stolen the publisher's key cannot open what it has sealed, of its own frames neither: box of
// NaCl alone has one secret for both ends.
func TestPublisherKeyOpensNothing(t *testing.T) {
	viewer, publisher := newKey(t), newKey(t)
	got := sealed(t, newSealer(t, publisher, viewer.Public()), picture(t))
	if _, err := opener(publisher).Open(got); reasonOf(err) != frame.ReasonSealed {
		t.Errorf("as a viewer's: %v", err)
	}
	text, err := publisher.Secret()
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := nkeys.DecodeSeed([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	to, err := nkeys.Decode(nkeys.PrefixByteCurve, []byte(viewer.Public()))
	if err != nil {
		t.Fatal(err)
	}
	// Every place at which a box could begin, with every public key that is at hand.
	for _, with := range [][]byte{to, got.Data[4:36], got.Data[36:68]} {
		var shared [32]byte
		box.Precompute(&shared, (*[32]byte)(with), (*[32]byte)(secret))
		for at := range 200 {
			for to := at + 24 + 16; to < 300; to++ {
				if _, ok := box.OpenAfterPrecomputation(nil, got.Data[at+24:to], (*[24]byte)(got.Data[at:]), &shared); ok {
					t.Fatalf("the publisher's key opens %d bytes at %d", to-at, at)
				}
			}
		}
	}
	// Two frames of two envelopes have no key in common.
	other := sealed(t, newSealer(t, publisher, viewer.Public()), picture(t))
	if bytes.Equal(got.Data[36:68], other.Data[36:68]) {
		t.Error("the key that is used once was used twice")
	}
}

// junk is a small frame of the camera with an envelope that nobody has made and n keys it is for.
func junk(f frame.Frame, sender []byte, n byte, mark uint64) frame.Frame {
	f.Codec = frame.SealedJPEG
	f.Data = append([]byte("LBS\x01"), sender...)
	once := make([]byte, 32)
	binary.BigEndian.PutUint64(once, mark)
	f.Data = append(f.Data, once...)
	f.Data = append(f.Data, n, 0, 180)
	f.Data = append(f.Data, make([]byte, int(n)*180+24+16+1)...)
	return f
}

// A flood of envelopes that do not open costs what a few cost, pushes out no key that is known, and does
// nothing to other cameras.
func TestFloodOfEnvelopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, own := newKey(t), newKey(t)
		s := newSealer(t, own, key.Public())
		f := picture(t)
		good := sealed(t, s, f)
		o := opener(key)
		if _, err := o.OpenLive(good, frame.KindFrame); err != nil {
			t.Fatal(err)
		}
		sender := good.Data[4:36]
		made := uint64(0)
		flood := func(n int) (tried int) {
			for range n {
				made++
				_, err := o.OpenLive(junk(f, sender, seal.MostViewers, made), frame.KindFrame)
				switch reasonOf(err) {
				case frame.ReasonSealed:
					tried++
				case frame.ReasonSeal:
				default:
					t.Fatalf("opened, or %v", err)
				}
			}
			return tried
		}
		if tried := flood(2000); tried > 40 {
			t.Errorf("%d of 2000 were tried", tried)
		}
		time.Sleep(time.Second)
		if tried := flood(2000); tried < 1 || tried > 10 {
			t.Errorf("a second later %d of 2000 were tried", tried)
		}
		for range 10 { // as many as are remembered, and more
			time.Sleep(time.Second)
			flood(20)
		}
		flood(20) // no more is tried
		if _, err := o.OpenLive(good, frame.KindFrame); err != nil {
			t.Errorf("the camera's own key was pushed out: %v", err)
		}
		yard := f
		yard.Camera = "yard"
		if _, err := o.OpenLive(sealed(t, s, yard), frame.KindFrame); err != nil {
			t.Errorf("another camera: %v", err)
		}
		// Honest envelopes, however many: an export goes through days in seconds.
		for range 200 {
			if _, err := o.OpenLive(sealed(t, newSealer(t, own, key.Public()), yard), frame.KindFrame); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if _, err := o.OpenLive(sealed(t, newSealer(t, own, key.Public()), f), frame.KindFrame); err != nil {
			t.Errorf("a new key, when the flood is over: %v", err)
		}
	})
}

// An export passes over any number of envelopes that are for others, and misses none that is not.
func TestRecordedEnvelopesAreAllTried(t *testing.T) {
	key, own := newKey(t), newKey(t)
	f := picture(t)
	o := opener(key)
	s := newSealer(t, own, newKey(t).Public())
	for range 200 {
		f.Epoch = frame.NewEpoch()
		if _, err := o.Open(sealed(t, s, f)); reasonOf(err) != frame.ReasonSealed {
			t.Fatal(err)
		}
	}
	if _, err := o.Open(sealed(t, newSealer(t, own, key.Public()), f)); err != nil {
		t.Error(err)
	}
	if _, err := o.OpenLive(sealed(t, newSealer(t, own, key.Public()), f), frame.KindFrame); err != nil {
		t.Errorf("live, meanwhile: %v", err)
	}
}

// Envelopes of more cameras than an Opener remembers are opened all the same.
func TestManyCameras(t *testing.T) {
	key, own := newKey(t), newKey(t)
	o := opener(key)
	s := newSealer(t, own, key.Public())
	for i := range 1100 {
		f := picture(t)
		f.Camera = frame.CameraID("c" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)))
		if _, err := o.Open(sealed(t, s, f)); err != nil {
			t.Fatal(err)
		}
	}
}
