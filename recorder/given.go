package recorder

import (
	"slices"
	"sort"
)

// given is which frames a walker has given, by epoch and the camera's own numbers, in order. The newest
// number alone does not tell: where the publisher's clock was put back, later frames have earlier times.
type given map[string][]run

// run is frames that follow each other in a file or in the stream: those that are missing between are
// nowhere else.
type run struct{ first, last uint64 }

func (g given) has(epoch string, seq uint64) bool {
	i := g.find(epoch, seq)
	return i < len(g[epoch]) && g[epoch][i].first <= seq
}

// find is the place of the first run that ends with a number or after it.
func (g given) find(epoch string, seq uint64) int {
	runs := g[epoch]
	return sort.Search(len(runs), func(i int) bool { return runs[i].last >= seq })
}

// add notes a frame that is not there yet. before is the number of the one before it in the same place,
// 0 where there is none.
func (g given) add(epoch string, seq, before uint64) {
	i := g.find(epoch, seq)
	if before == 0 {
		before = seq - 1
	}
	if i > 0 && g[epoch][i-1].last == before {
		g[epoch][i-1].last = seq
		return
	}
	g[epoch] = slices.Insert(g[epoch], i, run{seq, seq})
}
