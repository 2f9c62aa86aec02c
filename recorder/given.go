package recorder

// given is which frames a walker has given, by epoch and the camera's own numbers. The newest number
// alone does not tell: where the publisher's clock was put back, later frames have earlier times. Nor
// are numbers that are missing between two frames of a file nowhere else: the second may be forged.
type given map[string]runs

// mostGiven is how many holes of an epoch are remembered: from then on the lower half of them is taken for
// numbers that do not come any more.
const mostGiven = 1 << 17

func (g given) has(epoch string, seq uint64) bool { return g[epoch].has(seq) }

// add notes a frame.
func (g given) add(epoch string, seq uint64) {
	all := g[epoch].with(run{seq, seq})
	if half := len(all) / 2; len(all) > mostGiven {
		all = append(runs{{all[0].first, all[half].last}}, all[half+1:]...)
	}
	g[epoch] = all
}
