package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// camera is a network camera that streams MJPEG. Its pictures are made before, so that it costs
// next to nothing however large they are.
type camera struct {
	url      string
	pictures atomic.Pointer[[][]byte] // sent in turn; may be replaced while it runs
	opened   atomic.Int64             // connections that it has had
	shown    atomic.Int64             // pictures sent, all connections together
}

// newCamera starts a camera that streams the pictures until the end of the test.
func newCamera(t *testing.T, fps int, pictures [][]byte) *camera {
	t.Helper()
	c := new(camera)
	c.pictures.Store(&pictures)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.opened.Add(1)
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=picture")
		tick := time.NewTicker(time.Second / time.Duration(fps))
		defer tick.Stop()
		for n := 0; ; n++ {
			set := *c.pictures.Load()
			if writePart(w, set[n%len(set)]) != nil {
				return
			}
			c.shown.Add(1)
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	c.url = server.URL + "/stream"
	return c
}

// writePart sends one picture of a stream with the boundary "picture".
func writePart(w http.ResponseWriter, picture []byte) error {
	_, err := fmt.Fprintf(w, "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(picture), picture)
	if err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// noise makes pictures of noise, all different, which JPEG makes little smaller: at quality 75 a
// pixel takes about a byte.
func noise(t *testing.T, count, width, height, quality int) [][]byte {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	var pictures [][]byte
	for range count {
		img := image.NewGray(image.Rect(0, 0, width, height))
		for i := range img.Pix {
			img.Pix[i] = byte(random.Uint32())
		}
		var out bytes.Buffer
		if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, out.Bytes())
	}
	return pictures
}
