package nemesis

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// journal is what publishers write down: one line each time, handed to the system at once, so that
// killing a publisher loses none of its earlier lines.
//
//	time sent     camera epoch seq captured   the frame is about to be published
//	time offline  camera epoch seq            it could not be: its number is given to the next one, which says so
//	time stored   camera epoch seq number     the broker has confirmed it
//	time unstored camera epoch seq reason     it has not
type journal struct {
	mu   sync.Mutex
	file *os.File
	err  error // the first
}

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &journal{file: file}, err
}

func (j *journal) write(what string, n name, more string) {
	line := fmt.Sprintf("%d %s %s %s %d %s\n", time.Now().UnixNano(), what, n.camera, n.epoch, n.seq, more)
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.WriteString(line); err != nil && j.err == nil {
		j.err = err
	}
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.err, j.file.Close())
}

// published is what the journal says of one frame.
type published struct {
	captured time.Time // of the last try
	offline  bool      // it did not leave
	missed   uint64    // times that it could not, before: pictures without a number
	number   uint64    // in the stream, where the broker has confirmed it
	reason   bus.UnstoredReason
}

// account is a whole journal.
type account struct {
	frames map[name]published
	epochs map[frame.CameraID][]string // in the order of their first frames
	last   map[string]uint64           // by epoch: the highest number that left
	acks   []moment
}

// moment is when something happened to a camera.
type moment struct {
	at     time.Time
	camera frame.CameraID
}

// readJournal reads the file of all publishers of a test, as far as its lines are whole: one that is being written may
// be seen in pieces, and that of a publisher that was killed may stay so.
func readJournal(t testing.TB, path string) account {
	t.Helper()
	a := account{frames: make(map[name]published), epochs: make(map[frame.CameraID][]string), last: make(map[string]uint64)}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break
		}
		number++
		if err := a.add(line); err != nil {
			t.Fatalf("journal line %d: %v: %q", number, err, line)
		}
	}
	return a
}

func (a *account) add(line string) error {
	f := strings.Fields(line)
	if len(f) < 5 {
		return errors.New("it is not whole")
	}
	at, err1 := strconv.ParseInt(f[0], 10, 64)
	seq, err2 := strconv.ParseUint(f[4], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	n := name{camera: frame.CameraID(f[2]), epoch: f[3], seq: seq}
	p, known := a.frames[n]
	if (f[1] == "sent") == (known && !p.offline) || f[1] != "offline" && len(f) != 6 {
		return errors.New("it comes too early or twice")
	}
	switch f[1] {
	case "sent":
		captured, err := strconv.ParseInt(f[5], 10, 64)
		if err != nil {
			return err
		}
		p = published{captured: time.Unix(0, captured), missed: p.missed}
		if a.last[n.epoch] == 0 {
			a.epochs[n.camera] = append(a.epochs[n.camera], n.epoch)
		}
		a.last[n.epoch] = max(a.last[n.epoch], seq)
	case "offline":
		p.offline = true
		p.missed++
	case "stored":
		if p.number > 0 || p.reason != "" {
			return errors.New("the frame has an outcome already")
		}
		var err error
		if p.number, err = strconv.ParseUint(f[5], 10, 64); err != nil || p.number == 0 {
			return fmt.Errorf("no number in the stream (%w)", err)
		}
		a.acks = append(a.acks, moment{time.Unix(0, at), n.camera})
	case "unstored":
		if p.number > 0 || p.reason != "" {
			return errors.New("the frame has an outcome already")
		}
		p.reason = bus.UnstoredReason(f[5])
	default:
		return errors.New("what is that")
	}
	a.frames[n] = p
	return nil
}

// stored is how many frames the broker has confirmed.
func (a *account) stored() (n int) {
	for _, p := range a.frames {
		if p.number > 0 {
			n++
		}
	}
	return n
}
