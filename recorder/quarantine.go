package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// quarantineName is the folder for what was stored and is no frame, below the recorder's.
const quarantineName = "quarantine"

// What is kept of a camera, and how often something is added: what anybody publishes must not fill
// the disk or keep it busy.
const (
	mostQuarantined      = 100
	mostQuarantinedBytes = 64 << 20
	mostQuarantinedOne   = 1 << 20 // of one message; the rest is cut off
	quarantineEvery      = 100 * time.Millisecond
	quarantineToldEvery  = time.Minute
)

// quarantine keeps the newest messages that were no frames, for people to look at.
type quarantine struct {
	root *os.Root
	log  *slog.Logger

	mu      sync.Mutex
	written map[frame.CameraID]time.Time
	told    map[frame.CameraID]time.Time
	count   map[frame.CameraID]int // since it was told
}

// openQuarantine makes the folder where it can. Without it, messages are only counted.
func openQuarantine(dir string, log *slog.Logger) (*quarantine, error) {
	q := &quarantine{
		log: log, written: make(map[frame.CameraID]time.Time), told: make(map[frame.CameraID]time.Time), count: make(map[frame.CameraID]int),
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrFolder, dir, err)
	}
	q.root = root
	return q, nil
}

func (q *quarantine) close() { _ = q.root.Close() }

// put keeps a message, unless there was another one a moment ago.
func (q *quarantine) put(id frame.CameraID, s bus.Stored, reason frame.Reason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.count[id]++
	if now.Sub(q.told[id]) >= quarantineToldEvery {
		detail := ""
		if s.Rejected != nil {
			detail = s.Rejected.Detail
		}
		q.log.Warn("what is stored of the camera is not all frames: it is put aside, and recording goes on",
			"camera", id, "messages", q.count[id], "reason", reason, "detail", detail, "folder", path.Join(quarantineName, string(id)))
		q.told[id], q.count[id] = now, 0
	}
	if now.Sub(q.written[id]) < quarantineEvery {
		return
	}
	q.written[id] = now
	if err := q.write(id, s, reason); err != nil {
		q.log.Debug("a message that is no frame is not kept", "camera", id, "error", err)
	}
}

// write makes a file of one line of JSON and the payload after it.
func (q *quarantine) write(id frame.CameraID, s bus.Stored, reason frame.Reason) error {
	if _, err := frame.ParseCameraID(string(id)); err != nil {
		return err
	}
	dir := path.Join(quarantineName, string(id))
	for _, d := range []string{quarantineName, dir} {
		if err := q.root.Mkdir(d, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := q.prune(dir); err != nil {
		return err
	}
	detail := ""
	if s.Rejected != nil {
		detail = s.Rejected.Detail
	}
	head, err := json.Marshal(struct {
		Camera frame.CameraID      `json:"camera"`
		Number uint64              `json:"number"`
		Stored time.Time           `json:"stored"`
		Reason frame.Reason        `json:"reason"`
		Detail string              `json:"detail,omitempty"`
		Bytes  int                 `json:"bytes"`
		Header map[string][]string `json:"header,omitempty"`
	}{id, s.Number, s.At.UTC(), reason, detail, len(s.Data), s.Header})
	if err != nil {
		return err
	}
	data := append(head[:min(len(head), mostQuarantinedOne)], '\n')
	data = append(data, s.Data[:min(len(s.Data), mostQuarantinedOne)]...)
	name := fmt.Sprintf("%s-%d.msg", s.At.UTC().Format("20060102T150405.000000000Z"), s.Number)
	return q.root.WriteFile(path.Join(dir, name), data, 0o640)
}

// prune makes room for one more, the oldest go first: their names begin with the time.
func (q *quarantine) prune(dir string) error {
	entries, err := fs.ReadDir(q.root.FS(), dir)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasSuffix(e.Name(), ".msg") })
	var bytes int64
	for i, e := range slices.Backward(entries) {
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		if len(entries)-i >= mostQuarantined || bytes > mostQuarantinedBytes-2*mostQuarantinedOne {
			if err := q.root.Remove(path.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// setAside counts a message that is no frame, and keeps it for people.
func (c *camera) setAside(s bus.Stored, reason frame.Reason) {
	c.count(func(n *counts) { n.quarantined[reason]++ })
	c.r.quarantine.put(c.id, s, reason)
}
