// Package broker runs a NATS server inside this process, with the limits that live pictures need.
//
// A NATS server of one's own does the same for lensbus; nothing here is known to publishers and
// viewers. What does not belong here: cameras, pictures, subscriptions, and which streams there are
// (a camera's publisher makes its own).
package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/config/hostport"
)

// ErrStoreInUse is wrapped by Start's error where another broker runs on the same Store.
var ErrStoreInUse = errors.New("the store is in use")

// Server is a running broker.
type Server struct {
	nats  *server.Server
	log   *slog.Logger
	after []func() error // run by Close, last one first, once the server has ended

	leafListen string
	uplink     bool

	healing *healer // nil without JetStream
	access  *access // nil where nobody is asked and nothing is encrypted
	gate    *gate

	closing sync.Once
	err     error
}

// Start runs a broker until Close. It returns when clients can connect; with a large Store to
// recover that may take a while, and ctx ends the wait. ctx has no say afterwards. A nil log
// discards. Its errors are one line for people: a wrong Config (see [Config.Validate]), an address
// that is in use, a Store that cannot be used or is in use ([ErrStoreInUse]).
func Start(ctx context.Context, config Config, log *slog.Logger) (*Server, error) {
	config = config.OrDefaults()
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{log: log}
	if err := s.start(ctx, config); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("broker: %w", err)
	}
	log.Info("broker is ready", "url", s.URL(), "store", keptIn(config))
	if host, _, _ := splitListen("listen", config.Listen); !hostport.Loopback(host) && config.Auth == "" {
		log.Warn("the broker has no authentication and no TLS: everybody who reaches it can watch every camera and publish as any", "listen", config.Listen)
	}
	return s, nil
}

func keptIn(config Config) string {
	switch {
	case config.NoJetStream:
		return "off"
	case config.Store == "":
		return "temporary"
	}
	return config.Store
}

func (s *Server) start(ctx context.Context, config Config) error {
	opts, err := options(config)
	if err != nil {
		return err
	}
	if err := leafOptions(&config, opts); err != nil {
		return err
	}
	s.leafListen, s.uplink = config.LeafListen, config.Uplink.is()
	if s.access, err = newAccess(config); err != nil {
		return err
	}
	if s.access != nil {
		files, err := s.access.read()
		if err != nil {
			return err
		}
		people, err := s.access.options(files, opts)
		if err != nil {
			return err
		}
		s.access.hold(files, people) // of a server that is none yet
	}
	if err := s.openStore(opts, config); err != nil {
		return err
	}
	s.nats, err = server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("set up the NATS server: %w", err)
	}
	logger := &natsLog{log: s.log.With("part", "nats-server")}
	s.nats.SetLoggerV2(logger, false, false, false)

	started := make(chan struct{})
	go func() {
		defer close(started)
		s.nats.Start()
	}()
	s.after = append(s.after, func() error { <-started; return nil })
	select {
	case <-started:
	case <-ctx.Done():
		return fmt.Errorf("start the NATS server: %w", ctx.Err())
	}
	if err := logger.failure(); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("address %s is already in use: another NATS server? choose another address, or use that server with --server: %w", config.Listen, syscall.EADDRINUSE)
		}
		return fmt.Errorf("start the NATS server on %s: %w", config.Listen, err)
	}
	if !s.nats.ReadyForConnections(5 * time.Second) {
		return errors.New("the NATS server did not become ready within 5s")
	}
	if s.access != nil {
		s.gate = keep(s.nats, opts, s.access, s.log)
	}
	if !config.NoJetStream {
		s.healing = heal(s.nats, opts, 2*int64(config.MaxPayload), s.log)
	}
	return nil
}

// bufferedBytes is what may wait to be stored in a stream: four of the largest frames, and seconds of
// a camera's usual ones. What comes on top is not stored, and who asked for a confirmation is told so.
const bufferedBytes = 32 * MiB

// How a client or a leaf node that is gone without a word is noticed: it answers none of two questions.
// By itself a server asks an idle one after two minutes. A camera that nobody watches is idle; and one who
// answers others, as a recorder does, and comes back elsewhere, shares their questions with what is dead
// until that is noticed.
const (
	askAlive   = 10 * time.Second
	unanswered = 2
)

func options(config Config) (*server.Options, error) {
	host, port, err := splitListen("listen", config.Listen)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		port = server.RANDOM_PORT // the server takes 0 for its default port
	}
	if host == "" {
		host = server.DEFAULT_HOST
	}
	return &server.Options{
		Host: host, Port: port,
		NoSigs: true, // signals are the program's
		// A slow viewer must not slow the publisher's connection down, not for a moment. The server
		// then skips a client whose queue is three quarters full instead of making its publishers wait.
		NoFastProducerStall: true,
		MaxPayload:          int32(config.MaxPayload),
		MaxPending:          int64(config.MaxPending),
		MaxConn:             config.MaxConnections,
		MaxSubs:             config.MaxSubscriptions,
		WriteDeadline:       config.WriteDeadline,
		PingInterval:        askAlive,
		MaxPingsOut:         unanswered,

		JetStream:              !config.NoJetStream,
		JetStreamMaxMemory:     int64(config.MaxMemoryStore),
		JetStreamMaxStore:      int64(config.MaxFileStore),
		DisableJetStreamBanner: true,
		// By default the server acknowledges what it has not synced for up to two minutes. A single
		// node has no other copy. What is temporary has no need of it.
		SyncAlways:   config.Store != "" && config.Sync == 0,
		SyncInterval: time.Duration(config.Sync),
		// What waits for a disk that does not keep up, for each stream, is in memory.
		StreamMaxBufferedSize: int64(max(bufferedBytes, 4*config.MaxPayload)),
	}, nil
}

func (s *Server) openStore(opts *server.Options, config Config) error {
	switch {
	case config.NoJetStream:
		return nil
	case config.Store == "":
		folder, err := os.MkdirTemp("", temporaryStore)
		if err != nil {
			return fmt.Errorf("make the broker's temporary folder: %w", err)
		}
		opts.StoreDir = folder
		s.after = append(s.after, func() error { return os.RemoveAll(folder) })
		lock, err := lockStore(folder)
		if err != nil {
			return err
		}
		s.after = append(s.after, lock.Close)
		sweep(os.TempDir(), s.log)
		return nil
	}
	if err := os.MkdirAll(config.Store, 0o700); err != nil {
		return fmt.Errorf("make the broker's store: %w", err)
	}
	var lock io.Closer
	lock, err := lockStore(config.Store)
	if err != nil {
		return err
	}
	opts.StoreDir = config.Store
	s.after = append(s.after, lock.Close)
	return nil
}

// URL is where clients of this machine connect: nats://HOST:PORT with the port that is really in
// use. For a broker on all interfaces the host is 127.0.0.1.
func (s *Server) URL() string {
	addr, ok := s.nats.Addr().(*net.TCPAddr)
	if !ok { // after Close
		return s.nats.ClientURL()
	}
	if addr.IP.IsUnspecified() {
		addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: addr.Port}
	}
	if s.access != nil {
		return "tls://" + addr.String()
	}
	return "nats://" + addr.String()
}

// Credentials are those of this process, an admin, who connects with [Server.InProcess] and in no
// other way; nil where the broker asks nobody who he is.
func (s *Server) Credentials() *auth.Credentials {
	if s.access == nil || s.access.usersFile == "" {
		return nil
	}
	return &s.access.credentials
}

// InProcess connects clients of this process without a network: for nats.InProcessServer.
func (s *Server) InProcess() nats.InProcessConnProvider { return s.nats }

// closeWait bounds what Close waits for the connections of clients that take nothing.
const closeWait = time.Second

// Close ends the broker: what is stored is synced, clients are disconnected, a temporary store is
// removed. It waits for all of that and is safe twice. One thing may be left behind: a write to a
// client that has stopped reading, which ends by itself at Config.WriteDeadline; Close does not
// wait longer than a second for it.
func (s *Server) Close() error {
	s.closing.Do(func() {
		var errs []error
		s.gate.close()
		s.healing.close()
		if s.nats != nil {
			// First and on its own, because this part is always waited for.
			errs = append(errs, s.nats.ShutdownJetStream())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s.nats.Shutdown()
				s.nats.WaitForShutdown()
			}()
			select {
			case <-ended:
			case <-time.After(closeWait):
				s.log.Warn("a client that takes no data still holds its connection: the broker ends without it")
			}
		}
		for i := len(s.after) - 1; i >= 0; i-- {
			errs = append(errs, s.after[i]())
		}
		if err := errors.Join(errs...); err != nil {
			s.err = fmt.Errorf("broker: close: %w", err)
		}
	})
	return s.err
}

// Run runs a broker until ctx is done and returns when it has ended; nil then. Its errors are those
// of [Start] and [Server.Close].
func Run(ctx context.Context, config Config, log *slog.Logger) error {
	s, err := Start(ctx, config, log)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return s.Close()
}
