package publisher

import (
	"bytes"
	"context"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/publisher/source"
	"github.com/lensbus/lensbus/seal"
)

func sealKey(t *testing.T) seal.Key {
	t.Helper()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// knowing is a connection to the broker of conn that opens what own has sealed, and nothing else of front.
func knowing(t *testing.T, conn *bus.Conn, key seal.Key, own seal.Public) *bus.Conn {
	t.Helper()
	keys := seal.Keys{Own: []seal.Key{key}, From: map[frame.CameraID][]seal.Public{"front": {own}}}
	opening, err := bus.Connect(t.Context(), bus.Options{Server: conn.NATS().ConnectedUrl(), Opener: seal.NewOpener(keys)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opening.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := opening.WaitConnected(ctx); err != nil {
		t.Fatal(err)
	}
	return opening
}

// Everything with a picture in it that leaves a sealed camera is sealed, and what is made of it is a picture.
func TestSealedCamera(t *testing.T) {
	key, own := sealKey(t), sealKey(t)
	r := newRig(t, CameraConfig{Source: "test:?width=640&height=480&fps=20", SealTo: []seal.Public{sealKey(t).Public(), key.Public()}}, Deps{SealKey: own})
	r.get() // it is there, and so is the connection
	stranger := r.conn
	r = &rig{t: t, conn: knowing(t, stranger, key, own.Public())}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	raw := make(chan *nats.Msg, 64)
	subscription, err := stranger.NATS().Subscribe("cam.front.>", func(m *nats.Msg) {
		if m.Header.Get(frame.HeaderCodec) != "" || bytes.Contains(m.Data, []byte{0xFF, 0xD8, 0xFF}) {
			select {
			case raw <- m:
			default:
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = subscription.Unsubscribe() }()

	f := r.frames("640x480", size(640, 480))
	if _, err := jpeg.Decode(bytes.NewReader(f.Data)); err != nil || f.Codec != frame.JPEG {
		t.Errorf("a frame of codec %s: %v", f.Codec, err)
	}
	small, err := r.conn.Preview("front")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = small.Close() }()
	if f, err = small.Next(ctx); err != nil || f.Width != frame.PreviewWidth || f.Codec != frame.JPEG {
		t.Errorf("the preview: %d pixels wide, %v", f.Width, err)
	}
	for _, width := range []int{0, 100} {
		f, err = r.conn.Snapshot(ctx, "front", width)
		if err != nil || f.Codec != frame.JPEG || width > 0 && f.Width != width {
			t.Errorf("a snapshot: %d pixels wide, %v", f.Width, err)
		}
		if _, err := stranger.Snapshot(ctx, "front", width); err == nil || !strings.Contains(err.Error(), "sealed") {
			t.Errorf("a snapshot for a stranger: %v", err)
		}
	}
	if !r.get().Status.Sealed {
		t.Error("the status does not say it")
	}
	kinds := make(map[string]bool)
	for len(kinds) < 2 { // frames and previews go on coming
		select {
		case m := <-raw:
			kinds[m.Subject] = true
			if codec := m.Header.Get(frame.HeaderCodec); codec != string(frame.SealedJPEG) || bytes.Contains(m.Data, []byte{0xFF, 0xD8, 0xFF}) {
				t.Fatalf("%s carries %s, in the clear", m.Subject, codec)
			}
		case <-ctx.Done():
			t.Fatalf("only %v came", kinds)
		}
	}
}

func TestSealedPicturesFitToo(t *testing.T) {
	const limit = 100_000
	key := sealKey(t)
	b := newBench(t, broker.Config{MaxPayload: limit}, CameraConfig{SealTo: []seal.Public{key.Public(), sealKey(t).Public()}})
	conn, err := bus.Connect(t.Context(), bus.Options{Server: b.server.URL(), Opener: seal.NewOpener(seal.Keys{Own: []seal.Key{key}})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if b.live, err = conn.Live("front"); err != nil {
		t.Fatal(err)
	}
	b.run()
	f := b.next(jpegOf(t, 640, 480, 95), size(640, 480))
	if _, err := jpeg.Decode(bytes.NewReader(f.Data)); err != nil {
		t.Error(err)
	}
	// One that would fit, but for what sealing adds.
	limitOf := b.camera.sender.out.MaxBytes()
	data := jpegOf(t, 320, 240, 50)
	for missing := limitOf - len(data) - 50; missing > 4; {
		n := min(missing, 60_000)
		comment := append([]byte{0xFF, 0xFE, byte((n - 2) >> 8), byte(n - 2)}, make([]byte, n-4)...)
		data = append(data[:2:2], append(comment, data[2:]...)...)
		missing -= n
	}
	if over := b.camera.sender.seal.overhead(); len(data) > limitOf || len(data)+over <= limitOf {
		t.Fatalf("%d bytes of %d show nothing", len(data), limitOf)
	}
	f = b.next(data, size(320, 240))
	if len(f.Data) >= len(data) {
		t.Errorf("%d bytes came", len(f.Data))
	}
	if dropped := b.camera.state.status().Dropped[source.DropTooLarge]; dropped != 0 {
		t.Errorf("%d were dropped", dropped)
	}
}

func TestSealToIsChecked(t *testing.T) {
	key := sealKey(t).Public()
	for _, c := range []struct {
		to   []seal.Public
		says string
	}{
		{[]seal.Public{}, "nobody"}, {[]seal.Public{key, key}, "twice"}, {[]seal.Public{key[:50]}, "no sealing key"}, {[]seal.Public{key}, ""}, {nil, ""},
	} {
		err := CameraConfig{Source: "test:", SealTo: c.to}.Validate()
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "seal_to")) {
			t.Errorf("%q: %v", c.to, err)
		}
	}
}
