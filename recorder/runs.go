package recorder

import (
	"cmp"
	"slices"
	"sort"
)

// run is the camera's own numbers of frames, without a hole between.
type run struct{ first, last uint64 }

func (r run) length() uint64 { return r.last - r.first + 1 }

func (r run) holds(n uint64) bool { return r.first <= n && n <= r.last }

// runs are numbers, in order: no two of them touch.
type runs []run

func (r runs) has(seq uint64) bool {
	i := r.find(seq)
	return i < len(r) && r[i].first <= seq
}

// find is the place of the first run that ends with a number or after it.
func (r runs) find(seq uint64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].last >= seq })
}

// below is the highest number below another one; 0: there is none.
func (r runs) below(seq uint64) uint64 {
	i := r.find(seq)
	switch {
	case i < len(r) && r[i].first < seq:
		return seq - 1
	case i > 0:
		return r[i-1].last
	}
	return 0
}

// with adds numbers, whether some of them are there or not.
func (r runs) with(more run) runs {
	i := r.find(max(more.first, 1) - 1)
	j := i
	for j < len(r) && (r[j].first <= more.last || r[j].first-1 == more.last) {
		more.first, more.last = min(more.first, r[j].first), max(more.last, r[j].last)
		j++
	}
	return slices.Replace(r, i, j, more)
}

// longer is the longer half of the runs; of those that are equally long, the higher ones.
func (r runs) longer() runs {
	half := slices.Clone(r)
	slices.SortFunc(half, func(a, b run) int {
		return cmp.Or(cmp.Compare(b.length(), a.length()), cmp.Compare(b.first, a.first))
	})
	half = half[:(len(half)+1)/2]
	slices.SortFunc(half, func(a, b run) int { return cmp.Compare(a.first, b.first) })
	return slices.Clip(half)
}
