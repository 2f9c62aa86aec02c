package segment

import "io"

// Scan reads what a Reader would of a file with these bytes.
func Scan(r io.ReaderAt, size int64, name Name) (*Reader, []Damage, error) {
	reader := &Reader{name: name, src: source{r, size}}
	reader.scan.run(reader.src)
	return reader, reader.scan.damage, reader.scan.usable(name)
}

// Verify reads all that a Reader has found.
func (r *Reader) Verify() []Damage { return r.scan.verify(r.src) }

// Ends returns where the parts end.
func (r *Reader) Ends() []int64 {
	var ends []int64
	for _, at := range r.scan.places {
		p, err := r.src.readPart(at.offset)
		if err != nil {
			panic(err)
		}
		ends = append(ends, p.offset+p.size)
	}
	return ends
}

// Seal makes a box of what stands between its size and its checksum.
func Seal(inner []byte) []byte {
	be := uint32(len(inner) + 8)
	whole := append([]byte{byte(be >> 24), byte(be >> 16), byte(be >> 8), byte(be)}, inner...)
	sum := checksum(whole)
	return append(whole, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

// ReadBox reads a box and writes it again.
func ReadBox(data []byte) ([]byte, error) {
	if len(data) < 24 {
		return nil, errTorn
	}
	b, err := parseBox(data)
	if err != nil {
		return nil, err
	}
	return b.append(nil), nil
}
