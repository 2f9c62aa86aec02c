package bus_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// sealedCamera publishes sealed frames, and is a broker's hand too: it sends them under other names.
type sealedCamera struct {
	*camera
	sealer *seal.Sealer
	marker []byte
}

func sealKey(t *testing.T) seal.Key {
	t.Helper()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func openWith(keys ...seal.Key) *seal.Opener { return seal.NewOpener(seal.Keys{Own: keys}) }

func newSealedCamera(t *testing.T, conn *bus.Conn, to seal.Key) *sealedCamera {
	t.Helper()
	sealer, err := seal.NewSealer(sealKey(t), []seal.Public{to.Public()})
	if err != nil {
		t.Fatal(err)
	}
	c := &sealedCamera{camera: newCamera(t, conn, "front", 5000), sealer: sealer, marker: []byte("nobody between may see this")}
	// Into the comment with which the picture is made larger.
	copy(c.f.Data[20:], c.marker)
	return c
}

// next is the next frame, sealed.
func (c *sealedCamera) next() (plain, sealed frame.Frame) {
	c.t.Helper()
	c.f.Seq++
	c.f.Captured = time.Now()
	sealed, err := c.sealer.Seal(c.f)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.f, sealed
}

func (c *sealedCamera) send(f frame.Frame) {
	c.t.Helper()
	if err := c.out.Publish(context20(c.t), &f); err != nil {
		c.t.Fatal(err)
	}
}

func TestSealedFramesOnTheirWay(t *testing.T) {
	server := startBroker(t, broker.Config{})
	key := sealKey(t)
	publisher := connect(t, bus.Options{Server: server.URL()})
	c := newSealedCamera(t, publisher, key)
	if _, err := publisher.EnsureStream(context20(t), "front"); err != nil {
		t.Fatal(err)
	}
	var lives []*bus.Live
	for _, opener := range []bus.Opener{openWith(sealKey(t), key), openWith(sealKey(t)), nil} {
		conn := connect(t, bus.Options{Server: server.URL(), Opener: opener})
		live, err := conn.Live("front")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = live.Close() })
		lives = append(lives, live)
	}
	// Until the one with the key has a frame and the others have noticed that they have none.
	want := make(map[uint64][]byte)
	eventually(t, func() bool {
		plain, sealed := c.next()
		want[plain.Seq] = plain.Data
		c.send(sealed)
		_, opened := lives[0].Newest()
		return opened && lives[1].Stats().Rejected[frame.ReasonSealed] > 0 && lives[2].Stats().Rejected[frame.ReasonSealed] > 0
	})
	f, err := lives[0].Next(context20(t))
	if err != nil || f.Codec != frame.JPEG || !bytes.Equal(f.Data, want[f.Seq]) {
		t.Fatalf("frame %d, codec %s: not as it was published: %v", f.Seq, f.Codec, err)
	}
	for i, live := range lives[1:] {
		if f, ok := live.Newest(); ok {
			t.Errorf("viewer %d without the key has frame %d, codec %s", i, f.Seq, f.Codec)
		}
	}

	// What the broker has kept.
	asking := connect(t, bus.Options{Server: server.URL(), Opener: openWith(key)})
	if err := asking.WaitConnected(context20(t)); err != nil {
		t.Fatal(err)
	}
	kept, err := asking.Newest(context20(t), "front")
	if err != nil || kept.Codec != frame.JPEG || !bytes.Equal(kept.Data, want[kept.Seq]) {
		t.Fatalf("the newest: %v", err)
	}
	_, err = publisher.Newest(context20(t), "front")
	if rejected := new(frame.RejectError); !errors.As(err, &rejected) || rejected.Reason != frame.ReasonSealed {
		t.Errorf("the newest, without a key: %v", err)
	}
	js, err := jetstream.New(publisher.NATS())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(context20(t), "FRAMES_front")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(context20(t), "cam.front.frame")
	if err != nil || bytes.Contains(raw.Data, c.marker) || bytes.Contains(raw.Data, []byte{0xFF, 0xD8, 0xFF}) {
		t.Fatalf("the broker has a picture, %v", err)
	}
}

// A broker that alters, relabels or makes up frames is noticed.
func TestBrokerCannotForge(t *testing.T) {
	server := startBroker(t, broker.Config{})
	key := sealKey(t)
	conn := connect(t, bus.Options{Server: server.URL()})
	c := newSealedCamera(t, conn, key)
	watching := connect(t, bus.Options{Server: server.URL(), Opener: openWith(key)})
	live, err := watching.Live("front")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = live.Close() }()
	other, err := watching.Live("yard")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	eventually(t, func() bool {
		_, sealed := c.next()
		c.send(sealed)
		_, ok := live.Newest()
		return ok
	})
	honest := c.f.Seq // up to here frames are good, and some may still be on their way

	raw := func(subject string, f frame.Frame) {
		t.Helper()
		if err := conn.NATS().PublishMsg(&nats.Msg{Subject: subject, Header: f.Header(false), Data: f.Data}); err != nil {
			t.Fatal(err)
		}
	}
	forgeries := func() []frame.Frame {
		_, good := c.next()
		bad := make([]frame.Frame, 5)
		for i := range bad {
			bad[i] = good
			bad[i].Data = bytes.Clone(good.Data)
		}
		bad[0].Data[len(good.Data)/2] ^= 1
		bad[1].Data = good.Data[:len(good.Data)-1]
		bad[2].Seq += 1000
		bad[3].Captured = good.Captured.Add(time.Hour)
		bad[4].Width++
		return bad
	}
	// Until each kind must have come: whatever arrives of them is refused.
	eventually(t, func() bool {
		for _, f := range forgeries() {
			raw("cam.front.frame", f)
		}
		_, good := c.next()
		raw("cam.yard.frame", good)
		return live.Stats().Rejected[frame.ReasonSeal] >= 10 && other.Stats().Rejected[frame.ReasonSeal] >= 2
	})
	if _, ok := other.Newest(); ok {
		t.Error("a frame of one camera was shown as another's")
	}
	if now, _ := live.Newest(); now.Seq > honest {
		t.Errorf("frame %d was shown after %d: it was forged", now.Seq, honest)
	}
	// It goes on with the next good one.
	eventually(t, func() bool {
		_, good := c.next()
		c.send(good)
		now, _ := live.Newest()
		return now.Seq > honest
	})
}
