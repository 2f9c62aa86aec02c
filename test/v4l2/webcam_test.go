//go:build v4l2 && opencv

package v4l2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lensbus/lensbus/publisher/source"
)

// The MJPG camera's pictures.
const (
	webcamWidth, webcamHeight = 640, 480
	webcamFPS                 = 10
	webcamPictures            = 8
)

// webcam is a USB camera with MJPG: it writes the same few pictures to v4l2loopback again and again.
type webcam struct {
	pictures [][]byte
	stop     chan struct{}
	done     sync.WaitGroup

	mu      sync.Mutex
	written []writing
}

// writing is when one picture was handed to the driver.
type writing struct {
	number     int
	began, end time.Time // end is zero while it lasts
}

// plugIn starts the MJPG camera. It is unplugged at the end of the test.
func plugIn(t *testing.T) *webcam {
	t.Helper()
	device, err := os.OpenFile(os.Getenv(envLoopback), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := setOutputFormat(device); err != nil {
		t.Fatalf("%s: set MJPG: %v", device.Name(), err)
	}
	w := &webcam{stop: make(chan struct{})}
	plugged := make(chan struct{})
	for n := range webcamPictures {
		w.pictures = append(w.pictures, webcamPicture(t, n))
	}
	w.done.Go(func() {
		defer func() { _ = device.Close() }()
		tick := time.NewTicker(time.Second / webcamFPS)
		defer tick.Stop()
		for n := 0; ; n++ {
			now := writing{number: n % webcamPictures, began: time.Now()}
			w.mu.Lock()
			w.written = append(w.written, now)
			w.mu.Unlock()
			if _, err := device.Write(w.pictures[now.number]); err != nil {
				t.Errorf("the MJPG camera: %v", err)
				return
			}
			w.mu.Lock()
			w.written[n].end = time.Now()
			w.mu.Unlock()
			if n == 0 { // it is a camera from the first picture on
				close(plugged)
			}
			select {
			case <-tick.C:
			case <-w.stop:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(w.stop)
		w.done.Wait()
	})
	select {
	case <-plugged:
	case <-time.After(patience):
		t.Fatal("the MJPG camera does not start")
	}
	return w
}

// number tells which of the camera's pictures data is, byte for byte; -1 for none.
func (w *webcam) number(data []byte) int {
	for n, picture := range w.pictures {
		if bytes.Equal(picture, data) {
			return n
		}
	}
	return -1
}

// wrote says whether the picture's capture time is one at which the camera wrote that very picture.
// Clocks are read one after the other, so a millisecond is allowed for.
func (w *webcam) wrote(picture source.Picture) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.number(picture.Data)
	return slices.ContainsFunc(w.written, func(at writing) bool {
		return at.number == n && !picture.Captured.Before(at.began.Add(-time.Millisecond)) &&
			(at.end.IsZero() || !picture.Captured.After(at.end.Add(time.Millisecond)))
	})
}

// webcamPicture is a JPEG that differs from all others, with a remark in it that a decoder and
// encoder on the way would lose.
func webcamPicture(t *testing.T, n int) []byte {
	t.Helper()
	img := image.NewYCbCr(image.Rect(0, 0, webcamWidth, webcamHeight), image.YCbCrSubsampleRatio420)
	for y := range webcamHeight {
		for x := range webcamWidth {
			img.Y[img.YOffset(x, y)] = color.Gray{Y: uint8(x*y>>6 + n*32)}.Y
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 70 + n}); err != nil {
		t.Fatal(err)
	}
	remark := "lensbus test camera"
	comment := append([]byte{0xFF, 0xFE, 0, byte(len(remark) + 2)}, remark...)
	return append(append([]byte{0xFF, 0xD8}, comment...), out.Bytes()[2:]...)
}

// setOutputFormat tells v4l2loopback what will be written to it, and begins.
func setOutputFormat(device *os.File) error {
	const output = 2 // V4L2_BUF_TYPE_VIDEO_OUTPUT
	var capability [104]byte
	var format struct {
		bufType uint32
		pix     [200 / unsafe.Sizeof(uintptr(0))]uintptr
	}
	format.bufType = output
	pix := unsafe.Slice((*byte)(unsafe.Pointer(&format.pix)), 200)
	for i, value := range []uint32{
		webcamWidth, webcamHeight, binary.LittleEndian.Uint32([]byte("MJPG")),
		1,                                 // V4L2_FIELD_NONE
		0, webcamWidth * webcamHeight * 2, // bytes a line, bytes at most
	} {
		binary.NativeEndian.PutUint32(pix[4*i:], value)
	}
	bufType := uint32(output)
	return errors.Join(
		// The driver makes up its mind about what it can do when it is asked (VIDIOC_QUERYCAP).
		ioctl(device, 2<<30|unsafe.Sizeof(capability)<<16|'V'<<8, unsafe.Pointer(&capability)),
		ioctl(device, 3<<30|unsafe.Sizeof(format)<<16|'V'<<8|5, unsafe.Pointer(&format)),
		// VIDIOC_STREAMON: writing alone would do, but not be noticed when it ends.
		ioctl(device, 1<<30|unsafe.Sizeof(bufType)<<16|'V'<<8|18, unsafe.Pointer(&bufType)),
	)
}

func ioctl(device *os.File, request uintptr, arg unsafe.Pointer) error {
	raw, err := device.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg)); errno != 0 {
			failed = fmt.Errorf("ioctl %d: %w", request&0xFF, errno)
		}
	})
	return errors.Join(err, failed)
}
