package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// marker stands in the picture of every test, where a reader of the sealed bytes would find it.
const marker = "a picture that nobody else may see"

// picture is a frame whose JPEG has the marker in a comment.
func picture(t testing.TB) frame.Frame {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 64, 48)), nil); err != nil {
		t.Fatal(err)
	}
	plain := out.Bytes()
	data := append([]byte{}, plain[:2]...)
	data = append(data, 0xFF, 0xFE, 0, byte(2+len(marker)))
	data = append(data, marker...)
	data = append(data, plain[2:]...)
	return frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Seq: 7, Captured: time.Unix(1_700_000_000, 123_456_789),
		Codec: frame.JPEG, Width: 64, Height: 48, Key: true, Data: data,
	}
}

func newKey(t testing.TB) seal.Key {
	t.Helper()
	key, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSealer(t testing.TB, own seal.Key, to ...seal.Public) *seal.Sealer {
	t.Helper()
	s, err := seal.NewSealer(own, to)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealed(t testing.TB, s *seal.Sealer, f frame.Frame) frame.Frame {
	t.Helper()
	f, err := s.Seal(f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func opener(keys ...seal.Key) *seal.Opener { return seal.NewOpener(seal.Keys{Own: keys}) }

func reasonOf(err error) frame.Reason {
	rejected := new(frame.RejectError)
	if errors.As(err, &rejected) {
		return rejected.Reason
	}
	return ""
}

func TestSealedOpens(t *testing.T) {
	for viewers := 1; viewers <= seal.MostViewers; viewers += 5 {
		t.Run(fmt.Sprint(viewers), func(t *testing.T) {
			var keys []seal.Key
			var to []seal.Public
			for range viewers {
				keys = append(keys, newKey(t))
				to = append(to, keys[len(keys)-1].Public())
			}
			f := picture(t)
			before := bytes.Clone(f.Data)
			s := newSealer(t, newKey(t), to...)
			got := sealed(t, s, f)
			if !got.Codec.Sealed() || bytes.Contains(got.Data, []byte(marker)) || bytes.Contains(got.Data, f.Data[2:40]) {
				t.Fatalf("codec %s: the picture shows", got.Codec)
			}
			if over := len(got.Data) - len(f.Data); over > s.Overhead() || viewers > 1 && over < s.Overhead()/2 {
				t.Errorf("%d bytes longer, at most %d are promised", over, s.Overhead())
			}
			if !bytes.Equal(f.Data, before) {
				t.Error("the picture was written to")
			}
			for _, key := range keys {
				o := opener(newKey(t), key) // the first does not fit
				for range 2 {
					opened, err := o.Open(got)
					if err != nil || !bytes.Equal(opened.Data, f.Data) || opened.Codec != frame.JPEG || opened.Seq != f.Seq {
						t.Fatalf("%+v, %v", opened.Codec, err)
					}
				}
			}
			if _, err := opener(newKey(t)).Open(got); reasonOf(err) != frame.ReasonSealed {
				t.Errorf("another key: %v", err)
			}
		})
	}
}

// Whatever of a frame is altered on its way, it is refused.
func TestAlteredIsRefused(t *testing.T) {
	key := newKey(t)
	s := newSealer(t, newKey(t), newKey(t).Public(), key.Public())
	f := picture(t)
	good := sealed(t, s, f)
	next := f
	next.Seq++
	other := sealed(t, s, next)
	for name, alter := range map[string]func(*frame.Frame){
		"camera":        func(f *frame.Frame) { f.Camera = "yard" },
		"epoch":         func(f *frame.Frame) { f.Epoch = frame.NewEpoch() },
		"seq":           func(f *frame.Frame) { f.Seq++ },
		"captured":      func(f *frame.Frame) { f.Captured = f.Captured.Add(time.Nanosecond) },
		"width":         func(f *frame.Frame) { f.Width++ },
		"height":        func(f *frame.Frame) { f.Height++ },
		"another frame": func(f *frame.Frame) { f.Data = other.Data },
		"nothing":       func(f *frame.Frame) { f.Data = nil },
		"a JPEG":        func(sealed *frame.Frame) { sealed.Data = f.Data },
		"one byte more": func(f *frame.Frame) { f.Data = append(bytes.Clone(f.Data), 0) },
	} {
		got := good
		alter(&got)
		if _, err := opener(key).Open(got); reasonOf(err) != frame.ReasonSeal {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := opener(key)
	if _, err := o.Open(good); err != nil {
		t.Fatal(err)
	}
	for i := range good.Data {
		got := good
		got.Data = bytes.Clone(good.Data)
		got.Data[i] ^= 1 << (i % 8)
		if _, err := o.Open(got); reasonOf(err) != frame.ReasonSeal && reasonOf(err) != frame.ReasonSealed {
			t.Fatalf("byte %d of %d: %v", i, len(good.Data), err)
		}
		got.Data = good.Data[:i]
		if _, err := o.Open(got); reasonOf(err) != frame.ReasonSeal {
			t.Fatalf("cut to %d of %d bytes: %v", i, len(good.Data), err)
		}
	}
	if _, err := o.Open(good); err != nil {
		t.Errorf("the frame itself, after all that: %v", err)
	}
	for _, as := range []frame.Kind{frame.KindPreview, frame.VerbSnapshot} {
		if _, err := o.OpenAs(good, as); reasonOf(err) != frame.ReasonSeal {
			t.Errorf("a frame as %s: %v", as, err)
		}
		small, err := s.SealAs(f, as)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.OpenAs(small, as); err != nil {
			t.Errorf("%s: %v", as, err)
		}
		if _, err := o.Open(small); reasonOf(err) != frame.ReasonSeal {
			t.Errorf("%s as a frame: %v", as, err)
		}
	}
	published := good
	published.Published = time.Now() // is for measuring, and set last
	if _, err := o.Open(published); err != nil {
		t.Errorf("published: %v", err)
	}
}

// Who may see one camera has its content key, and can still not make pictures of another.
func TestEnvelopeIsOfOneRun(t *testing.T) {
	key := newKey(t)
	s := newSealer(t, newKey(t), key.Public())
	front := picture(t)
	yard := front
	yard.Camera = "yard"
	a, b := sealed(t, s, front), sealed(t, s, yard)
	envelope := len(a.Data) - len(front.Data) - 24 - 16
	b.Data = append(bytes.Clone(a.Data[:envelope]), b.Data[len(b.Data)-len(front.Data)-24-16:]...)
	if _, err := opener(key).Open(b); reasonOf(err) != frame.ReasonSeal || !strings.Contains(err.Error(), "another camera") {
		t.Error(err)
	}
}

func TestFrom(t *testing.T) {
	key, mine, others := newKey(t), newKey(t), newKey(t)
	f := picture(t)
	o := seal.NewOpener(seal.Keys{Own: []seal.Key{key}, From: map[frame.CameraID][]seal.Public{"front": {newKey(t).Public(), mine.Public()}}})
	if _, err := o.Open(sealed(t, newSealer(t, mine, key.Public()), f)); err != nil {
		t.Errorf("by whom it must be: %v", err)
	}
	if _, err := o.Open(sealed(t, newSealer(t, others, key.Public()), f)); reasonOf(err) != frame.ReasonSeal {
		t.Errorf("by somebody else: %v", err)
	}
	if _, err := o.Open(f); reasonOf(err) != frame.ReasonSeal {
		t.Errorf("in the clear: %v", err)
	}
	yard := f
	yard.Camera = "yard"
	for name, got := range map[string]frame.Frame{"clear": yard, "sealed": sealed(t, newSealer(t, others, key.Public()), yard)} {
		if opened, err := o.Open(got); err != nil || !bytes.Equal(opened.Data, f.Data) {
			t.Errorf("a camera of which nothing is said, %s: %v", name, err)
		}
	}
}

func TestSealedNoPicture(t *testing.T) {
	key := newKey(t)
	s := newSealer(t, newKey(t), key.Public())
	f := picture(t)
	f.Data = []byte("this is no picture")
	if _, err := opener(key).Open(sealed(t, s, f)); reasonOf(err) != frame.ReasonPicture {
		t.Error(err)
	}
	f = picture(t)
	f.Width = 65
	if _, err := opener(key).Open(sealed(t, s, f)); reasonOf(err) != frame.ReasonDimensions {
		t.Error(err)
	}
}

func TestContentKeyIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t)
		s := newSealer(t, newKey(t), key.Public())
		o := opener(key)
		f := picture(t)
		envelope := func(f frame.Frame) string {
			got := sealed(t, s, f)
			if _, err := o.Open(got); err != nil {
				t.Error(err)
			}
			return string(got.Data[:len(got.Data)-len(f.Data)-24-16])
		}
		first := envelope(f)
		time.Sleep(seal.KeyLife - time.Second)
		if envelope(f) != first {
			t.Error("renewed too soon")
		}
		time.Sleep(2 * time.Second)
		second := envelope(f)
		f.Epoch = frame.NewEpoch()
		if third := envelope(f); first == second || second == third {
			t.Error("not renewed")
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	key := newKey(t)
	s, o := newSealer(t, newKey(t), key.Public()), opener(key)
	f := picture(t)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 50 {
				f := f
				f.Seq = uint64(n*50 + i + 1)
				got, err := s.Seal(f)
				if err == nil {
					_, err = o.Open(got)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// More envelopes than an Opener remembers are opened all the same.
func TestEnvelopesAreForgotten(t *testing.T) {
	key := newKey(t)
	o := opener(key)
	own := newKey(t)
	f := picture(t)
	first := sealed(t, newSealer(t, own, key.Public()), f)
	for range 150 {
		if _, err := o.Open(sealed(t, newSealer(t, own, key.Public()), f)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Open(first); err != nil {
		t.Error(err)
	}
}

func TestNewSealerRefuses(t *testing.T) {
	own, key := newKey(t), newKey(t).Public()
	many := make([]seal.Public, seal.MostViewers+1)
	for i := range many {
		many[i] = newKey(t).Public()
	}
	for name, to := range map[string][]seal.Public{"nobody": {}, "twice": {key, key}, "too many": many, "no key": {"XABC"}} {
		if _, err := seal.NewSealer(own, to); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := newSealer(t, own, key).Seal(frame.Frame{Camera: "front", Codec: "h264"}); err == nil {
		t.Error("a codec that nobody has thought about is sealed")
	}
}

func TestKeyFile(t *testing.T) {
	key, content, err := seal.NewFile("alice")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Secret()
	if err != nil || !bytes.Contains(content, []byte(secret)) || !bytes.Contains(content, []byte(key.Public())) {
		t.Fatalf("%v:\n%s", err, content)
	}
	old := newKey(t)
	oldSecret, _ := old.Secret()
	publisher := newKey(t).Public()
	keys, err := seal.ParseKeys(fmt.Appendf(content, "\n  %s\t\r\nfront %s\nfront %s\n", oldSecret, publisher, old.Public()))
	if err != nil || len(keys.Own) != 2 || keys.Own[0].Public() != key.Public() || keys.Own[1].Public() != old.Public() || len(keys.From["front"]) != 2 || keys.From["front"][0] != publisher {
		t.Errorf("%v, %+v", err, keys)
	}
	for name, text := range map[string]string{
		"nothing":             "# a comment\n",
		"a public key":        string(key.Public()),
		"mistyped":            strings.Replace(secret, secret[20:24], "AAAA", 1),
		"three words":         "front " + string(publisher) + " yard",
		"a bad camera":        secret + "\nFront " + string(publisher),
		"a secret for public": secret + "\nfront " + oldSecret,
		"too many":            strings.Repeat(secret+"\n", 9),
		"too large":           strings.Repeat("#", 1<<20+1),
	} {
		_, err := seal.ParseKeys([]byte(text))
		if !errors.Is(err, seal.ErrKey) || strings.Contains(err.Error(), secret[4:30]) || strings.Contains(err.Error(), oldSecret[4:30]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A key that gets into a log shows its public half.
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key, "keys", keys)
	if text := fmt.Sprintf("%v %+v %#v %s %v %+v", key, key, key, &log, keys, keys); strings.Contains(text, secret[4:30]) || !strings.Contains(text, string(key.Public())) {
		t.Error(text)
	}
}
