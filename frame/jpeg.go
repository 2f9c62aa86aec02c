package frame

// JPEGInfo is what [ScanJPEG] reads from a picture's markers.
type JPEGInfo struct {
	Width, Height int  // pixels
	Components    int  // 1 is grey, 3 is colour, 4 is CMYK
	Huffman       bool // the picture carries its own Huffman tables (see [CompleteJPEG])
	Scan          int  // offset of the first SOS marker
}

// JPEG markers (ITU-T T.81, table B.1). Those that are not here have no place before the first
// scan of a baseline or progressive picture.
const (
	mTEM  = 0x01
	mSOF0 = 0xC0 // baseline
	mSOF1 = 0xC1 // extended sequential
	mSOF2 = 0xC2 // progressive
	mDHT  = 0xC4
	mRST0 = 0xD0
	mRST7 = 0xD7
	mSOI  = 0xD8
	mEOI  = 0xD9
	mSOS  = 0xDA
	mDQT  = 0xDB
	mDRI  = 0xDD
	mAPP0 = 0xE0
	mAPPF = 0xEF
	mCOM  = 0xFE
)

// ScanJPEG reads the markers of a JPEG up to its first scan, without decoding or allocating. It
// takes baseline and progressive pictures of 8 bits a component, which is what browsers and
// OpenCV decode. It checks that data begins with SOI and ends with EOI, that every segment before
// the scan's data lies between them, and that size and dimensions are within limits. It cannot see
// damage inside the entropy-coded part: a decoder must still treat its own warnings as errors.
//
// It is stricter than decoders are, which skip what they do not understand: where ScanJPEG and a
// decoder both take a picture, they take it for the same size.
//
// Every error is a [*RejectError].
func ScanJPEG(data []byte, limits Limits) (JPEGInfo, error) {
	limits = limits.orDefault()
	n := len(data)
	if n > limits.Bytes {
		return JPEGInfo{}, reject(ReasonTooLarge, "%d bytes, limit %d", n, limits.Bytes)
	}
	if n < 4 || data[0] != 0xFF || data[1] != mSOI {
		return JPEGInfo{}, reject(ReasonPicture, "%d bytes that do not begin with a JPEG's SOI marker", n)
	}
	if data[n-2] != 0xFF || data[n-1] != mEOI {
		return JPEGInfo{}, reject(ReasonPicture, "JPEG cut off: %d bytes without EOI at the end", n)
	}
	info, err := scanMarkers(data[:n-2])
	if err != nil {
		return JPEGInfo{}, err
	}
	// 65535 × 65535 does not fit an int of 32 bits.
	if int64(info.Width)*int64(info.Height) > int64(limits.Pixels) {
		return JPEGInfo{}, reject(ReasonTooLarge, "%dx%d pixels, limit %d", info.Width, info.Height, limits.Pixels)
	}
	return info, nil
}

// scanMarkers reads from SOI, which is there, to the end of the first scan header.
func scanMarkers(data []byte) (JPEGInfo, error) {
	var info JPEGInfo
	for i := 2; ; {
		if i < len(data) && data[i] != 0xFF {
			return info, reject(ReasonPicture, "no JPEG marker at byte %d", i)
		}
		for i < len(data) && data[i] == 0xFF { // any number of fill bytes may stand before a marker
			i++
		}
		if i >= len(data) {
			return info, reject(ReasonPicture, "JPEG ends before its first scan")
		}
		marker := data[i]
		i++
		if marker == mTEM || marker >= mRST0 && marker <= mRST7 { // no length follows
			continue
		}
		if !mayPrecedeScan(marker) {
			return info, reject(ReasonPicture, "JPEG marker %#02x before the first scan: not a baseline or progressive picture", marker)
		}
		if len(data)-i < 2 {
			return info, reject(ReasonPicture, "JPEG ends before its first scan")
		}
		length := int(data[i])<<8 | int(data[i+1])
		if length < 2 || length > len(data)-i {
			return info, reject(ReasonPicture, "JPEG segment %#02x of %d bytes does not fit", marker, length)
		}
		segment := data[i+2 : i+length]
		switch marker {
		case mDHT:
			info.Huffman = true
		case mSOF0, mSOF1, mSOF2:
			if err := info.readFrameHeader(segment); err != nil {
				return info, err
			}
		case mSOS:
			info.Scan = i - 2
			return info, info.checkScanHeader(segment)
		}
		i += length
	}
}

func mayPrecedeScan(marker byte) bool {
	switch marker {
	case mSOF0, mSOF1, mSOF2, mDHT, mSOS, mDQT, mDRI, mCOM:
		return true
	}
	return marker >= mAPP0 && marker <= mAPPF
}

// readFrameHeader reads what follows the length of an SOF segment: precision, height, width, the
// number of components, and for each its id, sampling factors and table (T.81, B.2.2).
func (info *JPEGInfo) readFrameHeader(s []byte) error {
	if info.Width != 0 {
		return reject(ReasonPicture, "JPEG with two frame headers")
	}
	if len(s) < 6 {
		return reject(ReasonPicture, "JPEG frame header of %d bytes", len(s))
	}
	info.Height = int(s[1])<<8 | int(s[2])
	info.Width = int(s[3])<<8 | int(s[4])
	info.Components = int(s[5])
	// T.81 lets the height be 0 and follow after the first scan; nobody can trust that.
	if info.Width == 0 || info.Height == 0 || len(s) != 6+3*info.Components {
		return reject(ReasonPicture, "JPEG frame header says %dx%d, %d components", info.Width, info.Height, info.Components)
	}
	if s[0] != 8 || info.Components != 1 && info.Components != 3 && info.Components != 4 {
		return reject(ReasonPicture, "JPEG of %d components of %d bits: want 1, 3 or 4 of 8", info.Components, s[0])
	}
	for c := s[6:]; len(c) > 0; c = c[3:] {
		if h, v := c[1]>>4, c[1]&15; h < 1 || h > 4 || v < 1 || v > 4 {
			return reject(ReasonPicture, "JPEG sampling factors %dx%d", h, v)
		}
	}
	return nil
}

// checkScanHeader checks what follows the length of an SOS segment: the number of components, two
// bytes for each, and three more (T.81, B.2.3).
func (info *JPEGInfo) checkScanHeader(s []byte) error {
	if info.Width == 0 {
		return reject(ReasonPicture, "JPEG scan without a frame header")
	}
	if len(s) < 1 || s[0] < 1 || int(s[0]) > info.Components || len(s) != 4+2*int(s[0]) {
		return reject(ReasonPicture, "JPEG scan header of %d bytes for %d components", len(s), info.Components)
	}
	return nil
}
