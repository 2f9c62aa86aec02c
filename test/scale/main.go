// Scale measures what cameras cost: processor time and memory of each role, and what is lost, as their
// number grows. Real processes on this machine: a publisher that passes ready JPEGs on, as a camera
// that gives JPEGs is passed on, a broker, a recorder, a page, and viewers.
//
//	go run ./test/scale -cameras 8,16,32,64 -watch nobody,grid,every
//
// It prints Markdown. `make scale` runs it; docs/design/cost-per-camera.md has figures and what they mean.
// It measures the whole machine: whatever else runs there is in the column "others".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// watching is what each viewer watches.
type watching string

const (
	nobody watching = "nobody" // there are no viewers
	grid   watching = "grid"   // every camera's preview and one camera at full size, through the page
	every  watching = "every"  // every camera at full size, from the broker
)

// plan is what is measured.
type plan struct {
	Cameras []int         // one measurement each
	Watch   []watching    // … times these
	Viewers int           // processes
	FPS     float64       // of each camera
	Bytes   int           // of each picture
	Window  time.Duration // of each measurement
	Record  bool
	Sync    string // of the broker
	Dir     string // for streams, recordings and logs
	Program string // lensbus; "": built
	JSON    bool
}

func main() {
	if target := os.Getenv(viewerTarget); target != "" {
		os.Exit(viewerMain(target))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p, err := parse(os.Args[1:])
	if err == nil {
		err = p.run(ctx, func(r result) { fmt.Print(r.row()) })
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func parse(args []string) (p plan, err error) {
	set := flag.NewFlagSet("scale", flag.ContinueOnError)
	cameras := set.String("cameras", "8,16,32,64", "how many, one measurement each")
	watch := set.String("watch", "nobody,grid,every", "what each viewer watches: nobody, grid (previews and one camera, through the page), every (camera at full size)")
	set.IntVar(&p.Viewers, "viewers", 8, "how many")
	set.Float64Var(&p.FPS, "fps", 10, "of each camera")
	set.IntVar(&p.Bytes, "bytes", 60_000, "of each picture, 1280x720")
	set.DurationVar(&p.Window, "window", 20*time.Second, "of each measurement, after it has settled")
	set.BoolVar(&p.Record, "record", true, "record all cameras")
	set.StringVar(&p.Sync, "sync", "always", "broker.sync")
	set.StringVar(&p.Dir, "dir", "", "for streams, recordings and logs, which stay there; default: a temporary one")
	set.StringVar(&p.Program, "program", "", "lensbus; default: built without OpenCV")
	set.BoolVar(&p.JSON, "json", false, "print JSON, one object a measurement")
	if err := set.Parse(args); err != nil {
		return p, err
	}
	for _, text := range strings.Split(*cameras, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return p, fmt.Errorf("-cameras: %q is not a number of cameras", text)
		}
		p.Cameras = append(p.Cameras, n)
	}
	for _, text := range strings.Split(*watch, ",") {
		switch w := watching(text); w {
		case nobody, grid, every:
			p.Watch = append(p.Watch, w)
		default:
			return p, fmt.Errorf("-watch: %q is none of nobody, grid, every", text)
		}
	}
	if p.Viewers < 1 || p.FPS <= 0 || p.Bytes < 10_000 || p.Window <= 0 {
		return p, errors.New("-viewers, -fps and -window must be more than 0, -bytes 10000 at least")
	}
	return p, nil
}

// run measures everything of the plan, one after the other, and passes each result on.
func (p plan) run(ctx context.Context, each func(result)) (err error) {
	base, err := os.MkdirTemp(p.Dir, "lensbus-scale-")
	if err != nil {
		return err
	}
	if p.Dir == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	}
	if p.Program == "" {
		if p.Program, err = build(ctx, base); err != nil {
			return err
		}
	}
	pictures, err := writePictures(base, p.Bytes)
	if err != nil {
		return err
	}
	if !p.JSON {
		fmt.Print(head(p))
	}
	for _, w := range p.Watch {
		for _, n := range p.Cameras {
			r, err := p.measure(ctx, base, pictures, n, w)
			if err != nil {
				return fmt.Errorf("%d cameras, viewers watch %s: %w", n, w, err)
			}
			if p.JSON {
				if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
					return err
				}
				continue
			}
			each(r)
		}
	}
	return nil
}
