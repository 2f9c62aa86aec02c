package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
)

type topCommand struct {
	fileFlag
	serverFlags
}

// topEvery is how often the cameras are asked, and with it how often the screen changes by itself.
const topEvery = time.Second

func (c *topCommand) Run(ctx context.Context, s *session) error {
	in, keys := terminalOf(s.Stdin)
	out, screen := terminalOf(s.Stdout)
	if !keys || !screen {
		return usage(errors.New("top needs a terminal: use `lensbus cameras --watch`, which also prints JSON"))
	}
	var f file
	if err := c.load(&f); err != nil {
		return err
	}
	// What is logged would run across the table: the last of it is shown below.
	last := &lastLine{}
	quiet := *s
	quiet.log = slog.New(slog.NewTextHandler(last, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: withoutTime}))
	conn, err := quiet.connect(ctx, c.serverFlags, f)
	if err != nil {
		return err
	}
	return s.use(conn, func() error {
		if err := s.reach(ctx, conn); err != nil {
			return err
		}
		return runTop(ctx, conn, in, out, last)
	})
}

// runTop shows the cameras until q is pressed or ctx is done, and leaves the terminal as it was.
func runTop(ctx context.Context, conn *bus.Conn, in, out terminal, last *lastLine) (err error) {
	r, err := newRoster(conn)
	if err != nil {
		return err
	}
	defer r.close()
	restore, err := in.takeKeys()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	// The other screen, without cursor and without wrapping of long lines, and back.
	if err := out.write("\x1b[?1049h\x1b[?25l\x1b[?7l"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.write("\x1b[?7h\x1b[?25h\x1b[?1049l")) }()

	typed, stopTyping, err := readKeys(in)
	if err != nil {
		return err
	}
	defer stopTyping()
	asking, stopAsking := context.WithCancel(ctx)
	asked := make(chan struct{}, 1)
	var running sync.WaitGroup
	defer running.Wait()
	defer stopAsking()
	running.Go(func() { r.keepAsking(asking, asked) })

	view := newTopView(os.Getenv("NO_COLOR") == "")
	view.server = serverName(conn)
	// Sizes of terminals change without anything being asked.
	tick := time.NewTicker(topEvery)
	defer tick.Stop()
	for {
		view.width, view.height = out.size()
		view.connected = conn.NATS().IsConnected()
		view.note = last.text()
		view.update(r.cameras(time.Now()), time.Now())
		if err := out.write(view.render()); err != nil {
			return err
		}
		select {
		case key, more := <-typed:
			if !more || view.press(key) {
				return nil
			}
		case <-asked:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// keepAsking asks the cameras again and again until ctx is done, and leaves a token in asked each time.
func (r *roster) keepAsking(ctx context.Context, asked chan<- struct{}) {
	tick := time.NewTicker(topEvery)
	defer tick.Stop()
	for {
		if r.conn.NATS().IsConnected() { // else what was known grows older
			_, _ = r.ask(ctx)
			r.measure(ctx)
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// readKeys reads keys in the background until stop is called, which waits. The channel is closed when
// the terminal has gone.
func readKeys(in terminal) (typed <-chan key, stop func(), err error) {
	stopped, end, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("terminal: %w", err)
	}
	keys, ending := make(chan key), make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(keys)
		var decoder keyDecoder
		in.read(stopped, func(data []byte) {
			for _, k := range decoder.decode(data) {
				select {
				case keys <- k:
				case <-ending:
					return
				}
			}
		})
	})
	return keys, func() {
		close(ending)
		_ = end.Close() // wakes the reader
		reading.Wait()
		_ = stopped.Close()
	}, nil
}

// serverName is where the connection goes to, without credentials.
func serverName(conn *bus.Conn) string {
	u, err := url.Parse(conn.NATS().ConnectedUrlRedacted())
	if err != nil || u.Host == "" {
		return "the server"
	}
	return u.Scheme + "://" + u.Host
}

// lastLine is a writer of which only the last line is kept.
type lastLine struct {
	mu   sync.Mutex
	line string
	at   time.Time
}

func (l *lastLine) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line, l.at = string(bytes.TrimSpace(p)), time.Now()
	return len(p), nil
}

// text is the line, for a while.
func (l *lastLine) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) > 10*time.Second {
		return ""
	}
	return strings.Join(strings.Fields(plain(l.line)), " ")
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
