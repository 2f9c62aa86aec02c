package frame

// JPEGInfo is what [ScanJPEG] reads from a picture's markers.
type JPEGInfo struct {
	Width, Height int  // pixels
	Components    int  // 1 is grey, 3 is colour
	Huffman       bool // the picture carries its own Huffman tables (see [CompleteJPEG])
	Scan          int  // offset of the first SOS marker
}

// JPEG markers (ITU-T T.81, table B.1).
const (
	mSOI = 0xD8
	mEOI = 0xD9
	mSOS = 0xDA
	mDHT = 0xC4
	mJPG = 0xC8
	mDAC = 0xCC
	mTEM = 0x01
)

// ScanJPEG reads the markers of a JPEG up to its first scan, without decoding or allocating. It
// checks that data begins with SOI and ends with EOI, that every segment before the scan lies
// inside data, and that size and dimensions are within limits. It cannot see damage inside the
// entropy-coded part: a decoder must still treat its own warnings as errors.
//
// Every error is a [*RejectError].
func ScanJPEG(data []byte, limits Limits) (JPEGInfo, error) {
	limits = limits.orDefault()
	if len(data) > limits.Bytes {
		return JPEGInfo{}, reject(ReasonTooLarge, "%d bytes, limit %d", len(data), limits.Bytes)
	}
	n := len(data)
	if n < 4 || data[0] != 0xFF || data[1] != mSOI {
		return JPEGInfo{}, reject(ReasonPicture, "%d bytes that do not begin with a JPEG's SOI marker", n)
	}
	if data[n-2] != 0xFF || data[n-1] != mEOI {
		return JPEGInfo{}, reject(ReasonPicture, "JPEG cut off: %d bytes without EOI at the end", n)
	}
	info, err := scanMarkers(data)
	if err != nil {
		return JPEGInfo{}, err
	}
	if info.Width*info.Height > limits.Pixels {
		return JPEGInfo{}, reject(ReasonTooLarge, "%dx%d pixels, limit %d", info.Width, info.Height, limits.Pixels)
	}
	return info, nil
}

func scanMarkers(data []byte) (JPEGInfo, error) {
	var info JPEGInfo
	for i := 2; ; {
		// Any number of fill bytes 0xFF may stand before a marker.
		if i >= len(data) || data[i] != 0xFF {
			return info, reject(ReasonPicture, "no JPEG marker at byte %d", i)
		}
		for i < len(data) && data[i] == 0xFF {
			i++
		}
		if i >= len(data) {
			return info, reject(ReasonPicture, "JPEG ends before its first scan")
		}
		marker := data[i]
		i++
		if marker == mTEM || marker >= 0xD0 && marker <= 0xD7 { // no length follows
			continue
		}
		if marker == mEOI || marker == mSOI || marker == 0 {
			return info, reject(ReasonPicture, "JPEG marker %#x before its first scan", marker)
		}
		if i+2 > len(data) {
			return info, reject(ReasonPicture, "JPEG ends before its first scan")
		}
		length := int(data[i])<<8 | int(data[i+1])
		if length < 2 || i+length > len(data) {
			return info, reject(ReasonPicture, "JPEG segment %#x of %d bytes does not fit", marker, length)
		}
		segment := data[i+2 : i+length]
		switch {
		case marker == mDHT:
			info.Huffman = true
		case marker == mSOS:
			if info.Width == 0 {
				return info, reject(ReasonPicture, "JPEG scan without a frame header")
			}
			info.Scan = i - 2
			return info, nil
		case marker >= 0xC0 && marker <= 0xCF && marker != mJPG && marker != mDAC: // SOFn
			if info.Width != 0 {
				return info, reject(ReasonPicture, "JPEG with two frame headers")
			}
			if len(segment) < 6 {
				return info, reject(ReasonPicture, "JPEG frame header of %d bytes", len(segment))
			}
			info.Height = int(segment[1])<<8 | int(segment[2])
			info.Width = int(segment[3])<<8 | int(segment[4])
			info.Components = int(segment[5])
			if info.Width == 0 || info.Height == 0 || info.Components == 0 || len(segment) != 6+3*info.Components {
				return info, reject(ReasonPicture, "JPEG frame header says %dx%d, %d components", info.Width, info.Height, info.Components)
			}
		}
		i += length
	}
}

// CompleteJPEG makes of what a camera delivered a JPEG that every decoder reads: padding after EOI
// is cut off (USB cameras fill their buffers up), and where there are no Huffman tables (Motion
// JPEG cameras leave the standard ones out) those of ITU-T T.81 annex K.3 are put in before the scan.
// It returns data itself, shortened at most, where nothing is missing; otherwise a copy.
//
// Publishers call it once on every picture; consumers never need it. Every error is a [*RejectError].
func CompleteJPEG(data []byte, limits Limits) ([]byte, JPEGInfo, error) {
	data = trimPadding(data)
	info, err := ScanJPEG(data, limits)
	if err != nil || info.Huffman {
		return data, info, err
	}
	whole := make([]byte, 0, len(data)+len(standardHuffman))
	whole = append(whole, data[:info.Scan]...)
	whole = append(whole, standardHuffman...)
	whole = append(whole, data[info.Scan:]...)
	info.Scan += len(standardHuffman)
	info.Huffman = true
	return whole, info, nil
}

// trimPadding cuts zero and 0xFF bytes after the last EOI.
func trimPadding(data []byte) []byte {
	n := len(data)
	for n > 2 && (data[n-1] == 0 || data[n-1] == 0xFF) {
		n--
	}
	if n >= 2 && data[n-1] == mEOI && data[n-2] == 0xFF {
		return data[:n]
	}
	return data
}
