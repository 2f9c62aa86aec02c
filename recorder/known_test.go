package recorder

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/lensbus/lensbus/recorder/segment"
)

// Runs are the numbers that were added, in whatever order, and nothing else.
func TestRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var r runs
	there := map[uint64]bool{}
	for range 2000 {
		first := 1 + random.Uint64N(3000)
		more := run{first, first + random.Uint64N(3)}
		r = r.with(more)
		for n := more.first; n <= more.last; n++ {
			there[n] = true
		}
	}
	below := uint64(0)
	for n := uint64(1); n < 3010; n++ {
		if r.has(n) != there[n] || r.below(n) != below {
			t.Fatalf("%d: %t, below it %d; want %t and %d", n, r.has(n), r.below(n), there[n], below)
		}
		if there[n] {
			below = n
		}
	}
	for i := 1; i < len(r); i++ {
		if r[i].first <= r[i-1].last+1 {
			t.Fatalf("%v touches %v", r[i-1], r[i])
		}
	}
}

// A segment with a hole is looked into where it matters, and only then.
func TestKnownOfSegmentsWithHoles(t *testing.T) {
	var asked []string
	k := known{numbers: func(path string) (runs, error) {
		asked = append(asked, path)
		if path == "removed" {
			return nil, fs.ErrNotExist
		}
		return runs{{21, 30}, {400, 400}}, nil
	}}
	for _, s := range []segment.Info{
		{Path: "whole", Epoch: "e", FirstSeq: 1, LastSeq: 20, Frames: 20},
		{Path: "forged", Epoch: "e", FirstSeq: 21, LastSeq: 400, Frames: 11},
		{Path: "removed", Epoch: "e", FirstSeq: 501, LastSeq: 600, Frames: 99},
	} {
		k.addSegment(s)
	}
	if !k.has("e", 20, 0) || k.has("e", 601, 0) || k.has("other", 1, 0) || k.below("e", 401) != 400 || len(asked) > 0 {
		t.Errorf("segments were looked into for nothing: %v", asked)
	}
	for seq, want := range map[uint64]bool{30: true, 31: false, 399: false, 400: true, 401: false, 550: true} {
		if k.has("e", seq, 0) != want {
			t.Errorf("%d: want %t", seq, want)
		}
	}
	if k.below("e", 400) != 30 || k.below("e", 31) != 30 || k.below("e", 501) != 400 || k.below("e", 1) != 0 {
		t.Errorf("below: %d, %d, %d, %d", k.below("e", 400), k.below("e", 31), k.below("e", 501), k.below("e", 1))
	}
	if len(asked) != 2 {
		t.Errorf("asked for %v", asked)
	}
	if newest, ok := k.newest("e"); !ok || newest.seq != 600 {
		t.Errorf("%+v", newest)
	}
}

// Whatever somebody publishes, what is kept is bounded, and what the camera itself sends is among it.
func TestKnownIsBounded(t *testing.T) {
	var k known
	at := time.Now()
	for seq := uint64(1); seq <= 1000; seq++ {
		k.add("camera", seq, at)
	}
	for n := range uint64(2 * mostRuns) {
		k.add("camera", 2000+2*n, at)
	}
	if k.runs > mostRuns || !k.has("camera", 500, 0) || k.has("camera", 1001, 0) {
		t.Errorf("%d runs", k.runs)
	}
	for n := range mostEpochs + 1000 {
		k.add(fmt.Sprint("epoch", n), 1, at)
	}
	sum := 0
	for _, e := range k.epochs {
		sum += len(e.numbers)
	}
	if len(k.epochs) > mostEpochs || k.runs > mostRuns || k.runs != sum {
		t.Errorf("%d epochs, %d runs, counted as %d", len(k.epochs), sum, k.runs)
	}
}

// A segment with holes that the disk does not give: what it had of the stream is in it, what the stream has stored
// before and after is not, whatever the camera's numbers.
func TestKnownOfSegmentsThatCannotBeRead(t *testing.T) {
	asked := 0
	k := known{numbers: func(string) (runs, error) {
		asked++
		return runs{{21, 24}}, syscall.EIO
	}}
	k.addSegment(segment.Info{Path: "bad", Epoch: "e", FirstSeq: 21, LastSeq: 400, FirstStored: 121, LastStored: 131, Frames: 11})
	for _, c := range []struct {
		seq, stored uint64
		want        bool
	}{
		{22, 122, true}, {22, 0, true}, {30, 130, true}, {400, 131, true},
		{31, 132, false}, {399, 500, false}, {25, 120, false}, {25, 0, false}, {401, 131, false}, {20, 121, false},
	} {
		if got := k.has("e", c.seq, c.stored); got != c.want {
			t.Errorf("%d, %d in the stream: %t", c.seq, c.stored, got)
		}
	}
	if asked != 1 {
		t.Errorf("the disk was asked %d times", asked)
	}
}

// Segments with holes are bounded like all that is known: the newest are known still, of one epoch and of many.
func TestKnownOfManySegmentsWithHoles(t *testing.T) {
	const segments = 3 * mostUnread
	for name, epochs := range map[string]int{"one epoch": 1, "many": segments / 100} {
		k := known{numbers: func(string) (runs, error) { return nil, fs.ErrNotExist }}
		for n := range uint64(segments) {
			k.addSegment(segment.Info{
				Path: "a/path", Epoch: fmt.Sprint(n * uint64(epochs) / segments), FirstSeq: 10*n + 1, LastSeq: 10*n + 10, Frames: 5,
				End: testNoon().Add(time.Duration(n) * time.Minute),
			})
		}
		sum := 0
		for _, e := range k.epochs {
			sum += len(e.unread)
		}
		if sum > mostUnread || sum < mostUnread/4 || k.unread != sum {
			t.Errorf("%s: %d segments are kept, counted as %d", name, sum, k.unread)
		}
		for n := uint64(segments - mostUnread/4); n < segments; n += 97 {
			if epoch := fmt.Sprint(n * uint64(epochs) / segments); !k.has(epoch, 10*n+3, 0) {
				t.Errorf("%s: segment %d is not known", name, n)
			}
		}
		sum = 0
		for _, e := range k.epochs {
			sum += len(e.unread)
		}
		if k.unread != sum {
			t.Errorf("%s: looked into some: %d segments are kept, counted as %d", name, sum, k.unread)
		}
	}
}

func TestGiven(t *testing.T) {
	g := make(given)
	for _, seq := range []uint64{1, 2, 3, 400, 4, 5} { // 400 was forged
		if g.has("e", seq) {
			t.Errorf("%d was not given", seq)
		}
		g.add("e", seq)
	}
	if !g.has("e", 400) || !g.has("e", 3) || g.has("e", 6) || g.has("other", 1) || len(g["e"]) != 2 {
		t.Errorf("%v", g)
	}
	for n := range uint64(mostGiven + 10) {
		g.add("e", 1000+2*n)
	}
	if last := 1000 + 2*uint64(mostGiven+9); len(g["e"]) > mostGiven || !g.has("e", last) || g.has("e", last-1) {
		t.Errorf("%d are kept", len(g["e"]))
	}
}
