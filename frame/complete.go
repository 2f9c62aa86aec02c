package frame

import "encoding/binary"

// CompleteJPEG makes of what a camera delivered a JPEG that every decoder reads: padding after EOI
// is cut off (USB cameras fill their buffers up with 0 or 0xFF), and where there are no Huffman
// tables (Motion JPEG cameras leave the standard ones out) those of ITU-T T.81 annex K.3 are put in
// before the scan. It returns data itself, shortened at most, where nothing is missing; otherwise
// a copy, which is within limits too.
//
// Publishers call it once on every picture; consumers never need it. Every error is a [*RejectError].
func CompleteJPEG(data []byte, limits Limits) ([]byte, JPEGInfo, error) {
	data = trimPadding(data)
	info, err := ScanJPEG(data, limits)
	if err != nil {
		return nil, JPEGInfo{}, err
	}
	if info.Huffman {
		return data, info, nil
	}
	size := len(data) + standardHuffmanSize
	if limit := limits.orDefault().Bytes; size > limit {
		return nil, JPEGInfo{}, reject(ReasonTooLarge, "%d bytes with Huffman tables, limit %d", size, limit)
	}
	whole := make([]byte, 0, size)
	whole = append(whole, data[:info.Scan]...)
	whole = appendStandardHuffman(whole)
	whole = append(whole, data[info.Scan:]...)
	info.Scan += standardHuffmanSize
	info.Huffman = true
	return whole, info, nil
}

// trimPadding cuts zero and 0xFF bytes after the last EOI. Without an EOI before them they may be
// the picture's own.
func trimPadding(data []byte) []byte {
	n := len(data)
	for n > 8 { // buffers may be megabytes larger than the picture
		if word := binary.NativeEndian.Uint64(data[n-8 : n]); word != 0 && word != ^uint64(0) {
			break
		}
		n -= 8
	}
	for n > 2 && (data[n-1] == 0 || data[n-1] == 0xFF) {
		n--
	}
	if n >= 2 && data[n-1] == mEOI && data[n-2] == 0xFF {
		return data[:n]
	}
	return data
}
