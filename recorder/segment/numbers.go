package segment

import "iter"

// Numbers yields the camera's own numbers of all frames, in order. It reads the parts' boxes and no frames:
// a frame that is damaged has a number. Parts that are damaged have none. Of what the disk does not let it read, or is
// of another version of the format, nobody knows: an error is the last that it yields, and says so.
func (r *Reader) Numbers() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		unknown := scan{unknown: r.scan.unknown}
		for i := range r.scan.places {
			at := &r.scan.places[i]
			p, err := r.src.readPart(at.offset)
			unknown.note(err)
			if err != nil || p.identity != r.scan.same || p.number != at.number {
				continue
			}
			for j := range p.frames {
				if !yield(p.frames[j].seq, nil) {
					return
				}
			}
		}
		if unknown.unknown != nil {
			yield(0, unknown.unknown)
		}
	}
}
