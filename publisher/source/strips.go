package source

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
)

// stripHeight is the height of a row of 4:2:0 JPEG blocks (MCUs), pixels.
const stripHeight = 16

// stripEncoder encodes a picture of which little changes from frame to frame. Every row of blocks
// is a restart interval of its own (ITU-T T.81, B.2.4.4), so the code of a row that did not change
// is the code that it had before, and only changed rows cost anything.
//
// It is made of image/jpeg: each row is encoded as a picture of its own with the same tables, and
// its scan is taken out.
type stripEncoder struct {
	picture *image.YCbCr // 4:2:0, its bounds beginning at 0,0
	quality int
	header  []byte   // SOI up to the first byte of the scan
	scans   [][]byte // the code of each row; nil: changed
	buf     flushBuffer
}

// newStripEncoder returns an encoder for picture, which the caller goes on drawing in.
func newStripEncoder(picture *image.YCbCr, quality int) *stripEncoder {
	rows := (picture.Rect.Dy() + stripHeight - 1) / stripHeight
	return &stripEncoder{picture: picture, quality: quality, scans: make([][]byte, rows)}
}

// setQuality changes the quality; the whole picture is encoded anew then.
func (e *stripEncoder) setQuality(quality int) {
	if quality == e.quality {
		return
	}
	e.quality, e.header = quality, nil
	e.changed(0, e.picture.Rect.Dy())
}

// changed says that the rows from y0 up to but without y1 were drawn in, pixels.
func (e *stripEncoder) changed(y0, y1 int) {
	for i := max(y0/stripHeight, 0); i < len(e.scans) && i*stripHeight < y1; i++ {
		e.scans[i] = e.scans[i][:0]
	}
}

// encode returns the picture as one JPEG, which belongs to the caller.
func (e *stripEncoder) encode() ([]byte, error) {
	size := 2
	for i := range e.scans {
		if len(e.scans[i]) == 0 {
			if err := e.encodeRow(i); err != nil {
				return nil, err
			}
		}
		size += len(e.scans[i]) + 2
	}
	out := make([]byte, 0, len(e.header)+size)
	out = append(out, e.header...)
	for i, scan := range e.scans {
		if i > 0 {
			out = append(out, 0xFF, 0xD0+byte((i-1)%8)) // RST0 to RST7
		}
		out = append(out, scan...)
	}
	return append(out, 0xFF, 0xD9), nil
}

func (e *stripEncoder) encodeRow(i int) error {
	bounds := e.picture.Rect
	bounds.Min.Y = i * stripHeight
	bounds.Max.Y = min(bounds.Max.Y, bounds.Min.Y+stripHeight)
	e.buf.Reset()
	if err := jpeg.Encode(&e.buf, e.picture.SubImage(bounds), &jpeg.Options{Quality: e.quality}); err != nil {
		return err
	}
	whole := e.buf.Bytes()
	if e.header == nil {
		if err := e.makeHeader(whole); err != nil {
			return err
		}
	}
	// All rows have a header of the same length, without the restart interval's six bytes.
	e.scans[i] = append(e.scans[i][:0], whole[len(e.header)-6:len(whole)-2]...)
	return nil
}

// makeHeader makes the header of the whole picture of that of one row: the frame header (SOF0)
// gets the picture's height, and a DRI segment goes before the scan.
func (e *stripEncoder) makeHeader(row []byte) error {
	sof := bytes.Index(row, []byte{0xFF, 0xC0, 0, 17, 8})
	sos := bytes.Index(row, []byte{0xFF, 0xDA, 0, 12})
	if sof < 0 || sos < sof {
		return errors.New("test picture: image/jpeg wrote no baseline header")
	}
	width, height := e.picture.Rect.Dx(), e.picture.Rect.Dy()
	interval := (width + stripHeight - 1) / stripHeight
	h := append([]byte(nil), row[:sos]...)
	h[sof+5], h[sof+6] = byte(height>>8), byte(height)
	h = append(h, 0xFF, 0xDD, 0, 4, byte(interval>>8), byte(interval))
	e.header = append(h, row[sos:sos+14]...)
	return nil
}

// flushBuffer is a buffer that image/jpeg writes to without one of its own.
type flushBuffer struct{ bytes.Buffer }

func (*flushBuffer) Flush() error { return nil }
