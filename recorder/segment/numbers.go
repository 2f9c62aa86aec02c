package segment

import "iter"

// Numbers yields the camera's own numbers of all frames, in order. It reads the parts' boxes and no frames:
// a frame that is damaged has a number. Parts that cannot be read have none.
func (r *Reader) Numbers() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range r.scan.places {
			at := &r.scan.places[i]
			p, err := r.src.readPart(at.offset)
			if err != nil || p.identity != r.scan.same || p.number != at.number {
				continue
			}
			for j := range p.frames {
				if !yield(p.frames[j].seq) {
					return
				}
			}
		}
	}
}
