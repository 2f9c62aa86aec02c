package seal_test

import (
	"testing"

	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// What a stranger sends in place of a sealed picture is refused for a reason, and nothing else happens.
func FuzzOpen(f *testing.F) {
	key := newKey(f)
	s := newSealer(f, key, key.Public(), newKey(f).Public())
	good := sealed(f, s, picture(f))
	f.Add(good.Data)
	f.Add(good.Data[:len(good.Data)/2])
	f.Add([]byte("LBS\x01"))
	o := opener(key)
	f.Fuzz(func(t *testing.T, data []byte) {
		in := good
		in.Data = data
		got, err := o.Open(in)
		if err != nil {
			if reasonOf(err) == "" {
				t.Errorf("an error without a reason: %v", err)
			}
			return
		}
		if string(data) != string(good.Data) || got.Codec != frame.JPEG {
			t.Error("what nobody has sealed was opened")
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	_, content, err := seal.NewFile("alice")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte("front XABC\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := seal.ParseKeys(data)
		if err == nil && len(keys.Own) == 0 {
			t.Error("a file without a key")
		}
	})
}
