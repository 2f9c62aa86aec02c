package bus_test

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"log"
	"os"

	"github.com/lensbus/lensbus/bus"
)

// A program of your own that watches one camera: frames with their times, decoded when wanted.
func Example() {
	conn, err := bus.Connect(context.Background(), bus.Options{Server: os.Getenv("EXAMPLE_SERVER")})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	live, err := conn.Live("front")
	if err != nil {
		log.Fatal(err)
	}
	defer live.Close()
	for {
		f, err := live.Next(context.Background()) // the newest, never a queue of old ones
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Camera, f.Seq, f.Width, f.Height, f.Captured.UTC().Format("15:04:05.000"))
		if f.Seq == 3 {
			img, err := jpeg.Decode(bytes.NewReader(f.Data))
			fmt.Println(img.Bounds().Size(), err)
			return
		}
	}
	// Output:
	// front 3 64 48 10:00:00.000
	// (64,48) <nil>
}
