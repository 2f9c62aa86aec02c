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

// quarantine keeps the newest messages that were no frames, for people to look at. A camera's are put by one
// goroutine; a disk that is slow for one camera holds up no other.
type quarantine struct {
	root   *os.Root
	asides *asides
	log    *slog.Logger
	before func(op, path string) error // see [Deps]; nil: nothing is asked

	mu      sync.Mutex // never held while the disk is at work
	written map[frame.CameraID]time.Time
	told    map[frame.CameraID]time.Time
	count   map[frame.CameraID]int // since it was told
}

// openQuarantine opens the folder, and notes what is in quarantine.
func openQuarantine(dir string, asides *asides, log *slog.Logger) (*quarantine, error) {
	q := &quarantine{
		asides: asides, log: log,
		written: make(map[frame.CameraID]time.Time), told: make(map[frame.CameraID]time.Time), count: make(map[frame.CameraID]int),
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrFolder, dir, err)
	}
	q.root = root
	folders, _ := fs.ReadDir(root.FS(), quarantineName) // usually there is none
	for _, f := range folders {
		if id, err := frame.ParseCameraID(f.Name()); err == nil && f.IsDir() {
			files, _ := q.list(id) // what cannot be read is not counted
			for _, file := range files {
				q.asides.add(file)
			}
		}
	}
	return q, nil
}

func (q *quarantine) close() { _ = q.root.Close() }

// put keeps a message, unless it is there, or there was another one a moment ago.
func (q *quarantine) put(id frame.CameraID, s bus.Stored, reason frame.Reason) {
	if _, err := frame.ParseCameraID(string(id)); err != nil {
		return // it would become a path
	}
	file := path.Join(quarantineName, string(id), fmt.Sprintf("%s-%d%s", s.At.UTC().Format(quarantineTime), s.Number, quarantineEnd))
	if _, err := q.root.Lstat(file); err == nil {
		return // it was not acknowledged, and has come again
	}
	messages, write := q.due(id)
	if messages > 0 {
		detail := ""
		if s.Rejected != nil {
			detail = s.Rejected.Detail
		}
		q.log.Warn("what is stored of the camera is not all frames: it is put aside, and recording goes on",
			"camera", id, "messages", messages, "reason", reason, "detail", detail, "folder", path.Dir(file))
	}
	if !write {
		return
	}
	if err := q.write(id, file, s, reason); err != nil {
		q.log.Debug("a message that is no frame is not kept", "camera", id, "error", err)
	}
}

// due counts a message, and says how many are to be told, and whether this one is to be kept.
func (q *quarantine) due(id frame.CameraID) (messages int, write bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.count[id]++
	if now.Sub(q.told[id]) >= quarantineToldEvery {
		messages = q.count[id]
		q.told[id], q.count[id] = now, 0
	}
	if write = now.Sub(q.written[id]) >= quarantineEvery; write {
		q.written[id] = now
	}
	return messages, write
}

// How the files are named: by when the broker stored the message, and its number.
const (
	quarantineTime = "20060102T150405.000000000Z"
	quarantineEnd  = ".msg"
)

// write makes a file of one line of JSON and the payload after it.
func (q *quarantine) write(id frame.CameraID, file string, s bus.Stored, reason frame.Reason) error {
	if q.before != nil {
		if err := q.before("write", file); err != nil {
			return err
		}
	}
	for _, d := range []string{quarantineName, path.Dir(file)} {
		if err := q.root.Mkdir(d, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := q.prune(id); err != nil {
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
	if err := q.root.WriteFile(file, data, 0o640); err != nil {
		return err
	}
	q.asides.add(aside{file, id, s.At, int64(len(data))})
	return nil
}

// list returns a camera's files, the oldest first: their names begin with the time.
func (q *quarantine) list(id frame.CameraID) ([]aside, error) {
	dir := path.Join(quarantineName, string(id))
	entries, err := fs.ReadDir(q.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	var files []aside
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), quarantineEnd) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		stored, _, _ := strings.Cut(e.Name(), "-")
		at, err := time.Parse(quarantineTime, stored)
		if err != nil {
			at = info.ModTime()
		}
		files = append(files, aside{path.Join(dir, e.Name()), id, at, info.Size()})
	}
	return files, nil
}

// prune makes room for one more, the oldest go first.
func (q *quarantine) prune(id frame.CameraID) error {
	files, err := q.list(id)
	if err != nil {
		return err
	}
	var bytes int64
	for i, f := range slices.Backward(files) {
		bytes += f.bytes
		if len(files)-i >= mostQuarantined || bytes > mostQuarantinedBytes-2*mostQuarantinedOne {
			if err := q.root.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			q.asides.remove(f.path)
		}
	}
	return nil
}

// setAside counts a message that is no frame, and keeps it for people.
func (c *camera) setAside(s bus.Stored, reason frame.Reason) {
	c.count(func(n *counts) { n.quarantined[reason]++ })
	c.r.quarantine.put(c.id, s, reason)
}
