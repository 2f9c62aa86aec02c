package seal_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/seal"
)

// A consumer of one's own gets the pictures of sealed cameras in the clear, live and recorded, from a
// connection that has an Opener.
func Example() {
	content, err := os.ReadFile("alice.key") // lensbus auth seal-key alice
	if err != nil {
		log.Fatal(err)
	}
	keys, err := seal.ParseKeys(content)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := bus.Connect(context.Background(), bus.Options{Opener: seal.NewOpener(keys)})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	front, err := conn.Live("front")
	if err != nil {
		log.Fatal(err)
	}
	for {
		f, err := front.Next(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(f.Seq, len(f.Data)) // f.Data is a JPEG; front.Stats() counts what could not be opened
	}
}

// A frame that came some other way is opened by itself.
func ExampleOpener() {
	alice, err := seal.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	publisher, err := seal.NewKey()
	if err != nil {
		log.Fatal(err)
	}
	sealer, err := seal.NewSealer(publisher, []seal.Public{alice.Public()})
	if err != nil {
		log.Fatal(err)
	}
	picture := frame.Frame{Camera: "front", Epoch: "run-1", Seq: 1, Codec: frame.JPEG, Width: 1, Height: 1, Data: []byte("no JPEG")}
	sealed, err := sealer.Seal(picture)
	if err != nil {
		log.Fatal(err)
	}
	_, err = seal.NewOpener(seal.Keys{Own: []seal.Key{alice}}).Open(sealed)
	fmt.Println(sealed.Codec, err)
	// Output: jpeg-sealed not a frame (picture): 7 bytes that do not begin with a JPEG's SOI marker
}
