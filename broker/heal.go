package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// How often the store is looked at, and how long a restart of it must have held.
const (
	healEvery = 5 * time.Second
	healMost  = 5 * time.Minute
)

// healer begins JetStream anew when it can store again. A stream that one write of failed, as on a
// full disk, answers nothing for ever after, though there be room; and a server that runs out of room
// may turn JetStream off. Live pictures flow meanwhile, and while it begins anew too: only the streams
// are read again from disk, connections stay.
type healer struct {
	nats *server.Server
	opts *server.Options
	room int64 // bytes that must be free
	log  *slog.Logger

	stop  chan struct{}
	ended sync.WaitGroup

	ill     bool // it has been said
	pause   time.Duration
	nextTry time.Time
}

func heal(nats *server.Server, opts *server.Options, room int64, log *slog.Logger) *healer {
	h := &healer{nats: nats, opts: opts, room: room, log: log, stop: make(chan struct{}), pause: healEvery}
	h.ended.Go(func() {
		tick := time.NewTicker(healEvery)
		defer tick.Stop()
		for {
			select {
			case <-h.stop:
				return
			case now := <-tick.C:
				h.look(now)
			}
		}
	})
	return h
}

// close ends the looking and waits for it. h may be nil.
func (h *healer) close() {
	if h == nil {
		return
	}
	close(h.stop)
	h.ended.Wait()
}

// look begins JetStream anew where it is ill and there is room.
func (h *healer) look(now time.Time) {
	fault := h.fault()
	if fault == "" {
		if h.ill {
			h.log.Info("the broker stores again")
		}
		h.ill = false
		if now.After(h.nextTry.Add(healMost)) { // it has held
			h.pause = healEvery
		}
		return
	}
	if !h.ill {
		h.log.Error("the broker cannot store: live pictures flow, nothing is recorded", "error", fault, "store", h.opts.StoreDir)
		h.ill = true
	}
	if now.Before(h.nextTry) {
		return
	}
	if err := h.tryRoom(); err != nil {
		h.log.Debug("no room for the broker's store", "error", err)
		return
	}
	h.nextTry = now.Add(h.pause)
	h.pause = min(2*h.pause, healMost)
	if err := h.restart(); err != nil {
		h.log.Error("the broker's store does not begin anew", "error", err)
	}
}

// fault is what keeps JetStream from storing, or "".
func (h *healer) fault() string {
	if !h.nats.JetStreamEnabled() {
		return "JetStream has ended"
	}
	if health := h.nats.Healthz(nil); strings.Contains(health.Error, "write error") {
		return health.Error
	}
	return ""
}

// tryRoom looks for room where the streams are, and whether a little of it can be written.
func (h *healer) tryRoom() (err error) {
	if free, known := freeSpace(h.opts.StoreDir); known && free < h.room {
		return fmt.Errorf("%d bytes are free, %d are needed", free, h.room)
	}
	file, err := os.CreateTemp(h.opts.StoreDir, "lensbus-room-")
	if err != nil {
		return fmt.Errorf("try the broker's store: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.Write(make([]byte, 64<<10)); err != nil {
		return fmt.Errorf("try the broker's store: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("try the broker's store: %w", err)
	}
	return nil
}

func (h *healer) restart() error {
	if err := h.nats.ShutdownJetStream(); err != nil {
		return fmt.Errorf("end JetStream: %w", err)
	}
	err := h.nats.EnableJetStream(&server.JetStreamConfig{
		StoreDir: h.opts.StoreDir, MaxMemory: h.opts.JetStreamMaxMemory, MaxStore: h.opts.JetStreamMaxStore,
		SyncAlways: h.opts.SyncAlways, SyncInterval: h.opts.SyncInterval, Strict: !h.opts.NoJetStreamStrict,
		Domain: h.opts.JetStreamDomain,
	})
	if err != nil {
		return fmt.Errorf("begin JetStream: %w", err)
	}
	return nil
}
