package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lensbus/lensbus/broker"
)

// room is what there is of a folder's file system.
type room struct {
	free, total int64 // bytes
	used        int64 // bytes in the folder itself
	writable    bool
}

// The least room for a store.
const (
	leastRoom = int64(100 * broker.MiB) // less: it fails
	fewRoom   = int64(broker.GiB)       // less: it soon will
)

// checkDisk looks at the folders that lensbus writes to.
func checkDisk(_ context.Context, p *patient) []finding {
	var found []finding
	folder := p.file.Broker.Store
	if folder == "" && len(recordedOf(p.file)) > 0 {
		folder = storeFolder(os.Getenv)
	}
	if folder != "" {
		found = append(found, p.checkStore(folder, int64(p.file.Broker.OrDefaults().MaxFileStore)))
	} else {
		found = append(found, finding{Status: ok, Text: "no folder is configured for streams: nothing is kept but the newest pictures, in memory"})
	}
	switch r, err := p.disk(p.state); {
	case p.state == "":
		found = append(found, finding{Status: warn, Text: "there is no folder for settings that are saved with `lensbus set --save`", Do: "give publishers --state DIR"})
	case err != nil:
		found = append(found, finding{Status: warn, Text: fmt.Sprintf("folder for saved settings: %v", err), Do: "give publishers --state DIR"})
	case !r.writable:
		found = append(found, finding{Status: warn, Text: p.state + ", for saved settings, cannot be written to", Do: "give publishers --state DIR"})
	default:
		found = append(found, finding{Status: ok, Text: "settings are saved in " + p.state})
	}
	return found
}

// checkStore looks at the folder in which the broker keeps streams.
func (p *patient) checkStore(folder string, most int64) finding {
	r, err := p.disk(folder)
	switch {
	case err != nil:
		return finding{Status: fail, Text: fmt.Sprintf("store: %v", err), Do: "give a folder that this user may write to, with broker.store or --store"}
	case !r.writable:
		return finding{Status: fail, Text: fmt.Sprintf("store %s cannot be written to", folder), Do: "give it to this user (chown), or another folder with broker.store or --store"}
	case r.free < leastRoom:
		return finding{Status: fail, Text: fmt.Sprintf("store %s has only %s left", folder, size(r.free)), Do: "free some room: a full disk stores nothing"}
	case r.free+r.used < most:
		return finding{Status: warn, Text: fmt.Sprintf("store %s has %s left, and may grow to %s", folder, size(r.free), size(most)), Do: "set broker.max_file_store to less than there is, or free some room"}
	case r.free < fewRoom:
		return finding{Status: warn, Text: fmt.Sprintf("store %s has only %s left", folder, size(r.free)), Do: "free some room: a full disk stores nothing"}
	}
	return finding{Status: ok, Text: fmt.Sprintf("store %s has %s of %s left and may grow to %s", folder, size(r.free), size(r.total), size(most))}
}

// diskRoom looks at a folder; one that is missing would be made, so the first that is there above
// it counts.
func diskRoom(folder string) (room, error) {
	if folder == "" {
		return room{}, nil
	}
	path, err := filepath.Abs(folder)
	if err != nil {
		return room{}, err
	}
	var used int64
	for {
		info, err := os.Stat(path)
		if err == nil {
			if !info.IsDir() {
				return room{}, fmt.Errorf("%s is no folder", path)
			}
			break
		}
		if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
			path = parent
			continue
		}
		return room{}, err
	}
	if abs, err := filepath.Abs(folder); err == nil && abs == path {
		used = folderSize(path)
	}
	r, err := fileSystem(path)
	if err != nil {
		return room{}, fmt.Errorf("%s: %w", path, err)
	}
	r.used = used
	return r, nil
}

// folderSize is what a folder's files have together, as far as they can be seen.
func folderSize(folder string) int64 {
	var sum int64
	_ = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
