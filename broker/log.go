package broker

import (
	"fmt"
	"log/slog"
	"sync"
)

// natsLog passes nats-server's log on. Its notices are about its own innards and become debug
// lines; what a server does that this package starts is told by this package.
//
// The server calls it with its own lock held, so nothing here may call the server.
type natsLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal error // of the first Fatalf: why the server did not start
}

func (l *natsLog) Noticef(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l *natsLog) Warnf(format string, args ...any)   { l.log.Warn(fmt.Sprintf(format, args...)) }
func (l *natsLog) Errorf(format string, args ...any)  { l.log.Error(fmt.Sprintf(format, args...)) }
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
