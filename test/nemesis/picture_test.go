package nemesis

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/lensbus/lensbus/frame"
)

// name is what the tests call a frame by.
type name struct {
	camera frame.CameraID
	epoch  string
	seq    uint64
}

const pictureWidth, pictureHeight = 64, 48

// label is the comment in a picture that says which frame it is, and the checksum of all its bytes
// with zeros in the checksum's place.
var label = regexp.MustCompile(`lensbus-nemesis camera=([a-z0-9_-]+) epoch=([A-Za-z0-9]+) seq=([0-9]+) crc=([0-9a-f]{8})\.`)

// newPicture makes the JPEG of a frame, of the given size or a little less: a small picture, its
// label, and for the rest comments of bytes that look random and are always the same for one name.
func newPicture(n name, size int) []byte {
	img := image.NewGray(image.Rect(0, 0, pictureWidth, pictureHeight))
	for x := range pictureWidth {
		img.SetGray(x, int(n.seq)%pictureHeight, color.Gray{Y: 200})
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, img, nil); err != nil {
		panic(err) // nothing to encode can fail
	}
	plain := encoded.Bytes()
	data := make([]byte, 0, size+1024)
	data = append(data, plain[:2]...)
	data = appendComment(data, []byte("lensbus-nemesis camera="+string(n.camera)+" epoch="+n.epoch+" seq="+strconv.FormatUint(n.seq, 10)+" crc=00000000."))
	crcAt := len(data) - 9
	random := rand.NewChaCha8(seedOf(n))
	for missing := size - len(data) - len(plain) + 2; missing > 4; missing = size - len(data) - len(plain) + 2 {
		noise := make([]byte, min(missing-4, 65533))
		_, _ = random.Read(noise) // never fails
		data = appendComment(data, noise)
	}
	data = append(data, plain[2:]...)
	const digits = "0123456789abcdef"
	for i, sum := 0, checksum(data); i < 8; i++ {
		data[crcAt+i] = digits[sum>>(28-4*i)&15]
	}
	return data
}

func appendComment(to, text []byte) []byte {
	to = append(to, 0xFF, 0xFE)
	to = binary.BigEndian.AppendUint16(to, uint16(len(text)+2))
	return append(to, text...)
}

func seedOf(n name) (seed [32]byte) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(string(n.camera) + "/" + n.epoch))
	binary.LittleEndian.PutUint64(seed[:], h.Sum64())
	binary.LittleEndian.PutUint64(seed[8:], n.seq)
	return seed
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// readPicture says which frame a picture is; ok is false where it has no label, or a byte is not as it
// was made.
func readPicture(data []byte) (n name, ok bool) {
	at := label.FindSubmatchIndex(data[:min(len(data), 512)])
	if at == nil {
		return name{}, false
	}
	text := func(group int) string { return string(data[at[2*group]:at[2*group+1]]) }
	n = name{camera: frame.CameraID(text(1)), epoch: text(2)}
	n.seq, _ = strconv.ParseUint(text(3), 10, 64)
	want, _ := strconv.ParseUint(text(4), 16, 32)
	blank := bytes.Clone(data)
	copy(blank[at[8]:at[9]], "00000000")
	return n, checksum(blank) == uint32(want)
}

// fullHD makes one of several pictures of 1920x1080 that are as large as those of a camera.
func fullHD(n int) ([]byte, error) {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	img := image.NewYCbCr(image.Rect(0, 0, 1920, 1080), image.YCbCrSubsampleRatio420)
	for y := range 1080 {
		for x := range 1920 {
			img.Y[y*img.YStride+x] = uint8(60 + (x+40*n)/16 + y/24 + random.IntN(28))
		}
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(110+i%img.CStride/32), uint8(150-i/img.CStride/16)
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 62})
	return out.Bytes(), err
}

// TestPicturesTellEveryChange: what all other tests lean on.
func TestPicturesTellEveryChange(t *testing.T) {
	n := name{camera: "front", epoch: frame.NewEpoch(), seq: 4711}
	for _, size := range []int{2_000, 60_000, 250_000} {
		data := newPicture(n, size)
		if len(data) > size || len(data) < size-8 {
			t.Errorf("%d bytes, want %d", len(data), size)
		}
		info, err := frame.ScanJPEG(data, frame.Limits{})
		if err != nil || info.Width != pictureWidth || info.Height != pictureHeight {
			t.Fatalf("%+v, %v", info, err)
		}
		if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
			t.Error(err)
		}
		if got, ok := readPicture(data); got != n || !ok {
			t.Fatalf("read %+v, %v", got, ok)
		}
		if !bytes.Equal(data, newPicture(n, size)) {
			t.Error("made twice, it is not the same")
		}
		for range 200 {
			at := rand.IntN(len(data))
			data[at] ^= 1 << rand.IntN(8)
			if got, ok := readPicture(data); ok && got == n {
				t.Fatalf("byte %d of %d is another one, and nobody notices", at, len(data))
			}
			copy(data, newPicture(n, size))
		}
	}
}
