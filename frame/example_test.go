package frame_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"github.com/lensbus/lensbus/frame"
)

// A publisher and a consumer of one's own, with any NATS client in between.
func Example() {
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 64, 48)), nil); err != nil {
		fmt.Println(err)
		return
	}

	// The publisher: a whole JPEG and its true size.
	data, info, err := frame.CompleteJPEG(picture.Bytes(), frame.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sent := frame.Frame{
		Camera: "front", Epoch: frame.NewEpoch(), Seq: 1, Captured: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Codec: frame.JPEG, Width: info.Width, Height: info.Height, Key: true, Data: data,
	}
	subject, header := sent.Camera.FrameSubject(), sent.Header(false)

	// The consumer: nothing is taken on trust.
	got, err := frame.Decode(subject, header, data, frame.Limits{})
	fmt.Println(got.Camera, got.Seq, got.Width, got.Height, got.Captured.UTC().Format(time.TimeOnly), err)

	_, err = frame.Decode(subject, header, data[:len(data)/2], frame.Limits{})
	var rejected *frame.RejectError
	if errors.As(err, &rejected) {
		fmt.Println("dropped:", rejected.Reason)
	}
	// Output:
	// front 1 64 48 05:06:07 <nil>
	// dropped: picture
}
