package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeys(t *testing.T) {
	for _, test := range []struct {
		pieces []string
		want   []key
	}{
		{[]string{"qQ"}, []key{keyQuit, keyQuit}},
		{[]string{"srS"}, []key{keySort, keyReverse, keyReverse}},
		{[]string{"\x1b[A\x1b[B", "\x1bOA"}, []key{keyUp, keyDown, keyUp}},
		{[]string{"\x1b", "[", "5", "~", "\x1b[6~"}, []key{keyPageUp, keyPageDown}},
		{[]string{"\x1b[H\x1b[F\x1b[1~\x1b[4~"}, []key{keyHome, keyEnd, keyHome, keyEnd}},
		{[]string{"\x1b", "q"}, []key{keyQuit}},                                // Escape, then q
		{[]string{"\x1b\x1b[A"}, []key{keyUp}},                                 // Alt and an arrow
		{[]string{"\x1b[1;5A", "x"}, nil},                                      // Ctrl and an arrow is no key of top
		{[]string{"\x1b[<0;10;10M", "q"}, []key{keyQuit}},                      // a mouse's report
		{[]string{"\x1b[99999999999999999999q", "q"}, []key{keyQuit, keyQuit}}, // what does not end is no sequence
		{[]string{"\xff\x00\x7f\x1b"}, nil},
	} {
		var decoder keyDecoder
		var got []key
		for _, piece := range test.pieces {
			got = append(got, decoder.decode([]byte(piece))...)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.pieces, diff)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("q\x1b[A\x1b[5~\x1bO"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var whole, pieces keyDecoder
		want := whole.decode(data)
		var got []key
		for i := range data {
			got = append(got, pieces.decode(data[i:i+1])...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pieces it is something else (-whole +pieces):\n%s", diff)
		}
		if len(pieces.sequence) > longestSequence {
			t.Errorf("remembers %d bytes", len(pieces.sequence))
		}
	})
}
