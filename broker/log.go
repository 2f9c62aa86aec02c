package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// natsLog passes nats-server's log on. Its notices are about its own innards and become debug
// lines; what a server does that this package starts is told by this package.
//
// The server calls it with its own lock held, so nothing here may call the server.
type natsLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal error // of the first Fatalf: why the server did not start
	// What clients do wrong is logged, and they can do it a thousand times a second: so many lines may
	// come at once, then one in each lineEvery.
	room   float64
	roomAt time.Time
	unsaid int // lines since the last
}

// How many lines there may be.
const (
	mostLines = 30
	lineEvery = time.Second
)

// limited passes a line on where there is room for one.
func (l *natsLog) limited(level slog.Level, format string, args []any) {
	l.mu.Lock()
	now := time.Now()
	if l.roomAt.IsZero() {
		l.room = mostLines
	} else {
		l.room = min(mostLines, l.room+float64(now.Sub(l.roomAt))/float64(lineEvery))
	}
	l.roomAt = now
	if l.room < 1 {
		l.unsaid++
		l.mu.Unlock()
		return
	}
	l.room--
	log := l.log
	if l.unsaid > 0 {
		log = log.With("lines_left_out", l.unsaid)
	}
	l.unsaid = 0
	l.mu.Unlock()
	log.Log(context.Background(), level, fmt.Sprintf(format, args...))
}

func (l *natsLog) Noticef(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l *natsLog) Warnf(format string, args ...any)   { l.limited(slog.LevelWarn, format, args) }
func (l *natsLog) Errorf(format string, args ...any)  { l.limited(slog.LevelError, format, args) }
func (l *natsLog) Debugf(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l *natsLog) Tracef(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }

// Fatalf keeps the process alive: the standard logger would exit here.
func (l *natsLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal != nil {
		return
	}
	for _, arg := range args { // the listener's error: keep what errors.Is needs
		if err, ok := arg.(error); ok {
			l.fatal = err
			return
		}
	}
	l.fatal = fmt.Errorf(format, args...)
}

func (l *natsLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
