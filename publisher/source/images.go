package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/lensbus/lensbus/frame"
)

// OpenImages opens a folder of pictures (kind images:): its JPEG files are passed on as they are,
// its PNG files are encoded, both in natural order of their names (2.jpg before 10.jpg), spec.FPS a
// second, one by default. At the end it begins again where spec.Loop is set, with the files that
// are there then; otherwise Next returns [io.EOF]. Subfolders are not looked into.
//
// Files that cannot be read or are no whole pictures are warned about once, reported as
// [DropInvalid] and skipped. A folder without a single usable picture is an error. Nothing outside
// the folder is opened, symbolic links or not. A picture's Captured is when it was read.
func OpenImages(_ context.Context, spec Spec, env Env) (Source, error) {
	root, err := os.OpenRoot(spec.Address)
	if err != nil {
		return nil, fmt.Errorf("images:%s: cannot open the folder: %w", spec.Address, plainPathError(err))
	}
	s := &imagesSource{
		folder: spec.Address, root: root, loop: spec.Loop, env: env.OrDefaults(),
		closed: make(chan struct{}), warned: map[string]string{},
	}
	s.tuned = newTuned(s.env.Quality, spec.FPS, 1)
	s.pace = newPacer(s.tuned)
	if err := s.list(); err != nil {
		_ = root.Close()
		return nil, err
	}
	s.untouched = !slices.ContainsFunc(s.names, isPNG)
	return s, nil
}

type imagesSource struct {
	*tuned
	folder    string
	root      *os.Root
	loop      bool
	env       Env
	untouched bool
	pace      pacer

	names  []string          // of this turn
	next   int               // in names
	shown  int               // pictures of this turn that were returned
	warned map[string]string // file name to what was said about it

	once   sync.Once
	closed chan struct{}
}

func (s *imagesSource) Info() Info {
	return Info{FPS: s.rate(), Format: "jpeg", Untouched: s.untouched}
}

func (s *imagesSource) Close() error {
	s.once.Do(func() {
		close(s.closed)
		_ = s.root.Close()
	})
	return nil
}

func (s *imagesSource) Next(ctx context.Context) (Picture, error) {
	if _, err := s.pace.wait(ctx, s.closed); err != nil {
		return Picture{}, err
	}
	for {
		if s.next == len(s.names) {
			if s.shown == 0 {
				return Picture{}, fmt.Errorf("images:%s: none of the %d pictures can be used", s.folder, len(s.names))
			}
			if !s.loop {
				return Picture{}, io.EOF
			}
			if err := s.list(); err != nil {
				return Picture{}, s.orClosed(err)
			}
		}
		name := s.names[s.next]
		s.next++
		data, err := s.read(name)
		if err == nil {
			delete(s.warned, name)
			s.shown++
			return Picture{Data: data, Captured: s.env.Now()}, nil
		}
		if err := s.orClosed(ctx.Err()); err != nil {
			return Picture{}, err
		}
		s.env.Dropped(DropInvalid, 1)
		if why := err.Error(); s.warned[name] != why {
			s.warned[name] = why
			s.env.Log.Warn("a picture is skipped", "folder", s.folder, "file", name, "why", why)
		}
	}
}

// orClosed is ErrClosed once Close was called, which makes everything fail, and err before.
func (s *imagesSource) orClosed(err error) error {
	select {
	case <-s.closed:
		return ErrClosed
	default:
		return err
	}
}

// list begins a new turn.
func (s *imagesSource) list() error {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("images:%s: cannot list the folder: %w", s.folder, plainPathError(err))
	}
	s.names, s.next, s.shown = s.names[:0], 0, 0
	for _, entry := range entries {
		if !entry.IsDir() && (isJPEG(entry.Name()) || isPNG(entry.Name())) {
			s.names = append(s.names, entry.Name())
		}
	}
	if len(s.names) == 0 {
		return fmt.Errorf("images:%s: the folder has no .jpg, .jpeg or .png files", s.folder)
	}
	slices.SortFunc(s.names, naturalOrder)
	return nil
}

func isJPEG(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".jpg" || ext == ".jpeg"
}

func isPNG(name string) bool { return strings.ToLower(filepath.Ext(name)) == ".png" }

// read returns a file as one whole JPEG.
func (s *imagesSource) read(name string) ([]byte, error) {
	// Looked at first, because opening a named pipe would wait for somebody to write into it.
	info, err := s.root.Stat(name)
	if err != nil {
		return nil, plainPathError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > int64(s.env.MaxBytes) {
		return nil, fmt.Errorf("%d bytes, limit %d", info.Size(), s.env.MaxBytes)
	}
	file, err := s.root.Open(name)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, int64(s.env.MaxBytes)+1))
	if err != nil {
		return nil, plainPathError(err)
	}
	if isPNG(name) {
		return encodePNG(data, s.encoding())
	}
	// The publisher completes pictures; here it only tells which files are whole ones.
	if _, _, err := frame.CompleteJPEG(data, frame.Limits{Bytes: s.env.MaxBytes}); err != nil {
		return nil, err
	}
	return data, nil
}

func encodePNG(data []byte, quality int) ([]byte, error) {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	// Before any pixel is decoded: a file of some kilobytes can claim gigabytes of them.
	if limit := frame.DefaultLimits().Pixels; config.Width > limit/max(config.Height, 1) {
		return nil, fmt.Errorf("%dx%d pixels, limit %d", config.Width, config.Height, limit)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// plainPathError is err without the path and the system call, which the message around it tells in
// words; errors.Is sees the same.
func plainPathError(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// naturalOrder compares file names so that numbers in them count as numbers: a2 before a10.
func naturalOrder(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := leadingDigits(x), leadingDigits(y)
		if m > 0 && n > 0 {
			p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
			if len(p) != len(q) {
				return len(p) - len(q)
			}
			if c := strings.Compare(p, q); c != 0 {
				return c
			}
			x, y = x[m:], y[n:]
			continue
		}
		if x[0] != y[0] {
			return int(x[0]) - int(y[0])
		}
		x, y = x[1:], y[1:]
	}
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(a, b) // the same but for leading zeros
}

func leadingDigits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}
