package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
)

// serverFlags say which broker a command uses.
type serverFlags struct {
	Server  string `env:"LENSBUS_SERVER" placeholder:"URL" help:"NATS server, nats://HOST:PORT; several with commas between. Default: NATS_URL, the selected NATS context, or nats://127.0.0.1:4222."`
	Context string `env:"LENSBUS_CONTEXT" placeholder:"NAME" help:"NATS context with server and credentials (nats context ls)."`
	Creds   string `env:"LENSBUS_CREDS" placeholder:"FILE" help:"Credentials file of lensbus auth: who connects, and to which server."`
}

// connect connects to the broker of the flags, else of the file. Its errors are wrong settings: a
// server that is not there is waited for.
func (s *session) connect(ctx context.Context, flags serverFlags, f file, with ...func(*bus.Options)) (*bus.Conn, error) {
	if flags.Server == "" && flags.Context == "" {
		flags.Server, flags.Context = f.Server, f.Context
	}
	var who *auth.Credentials
	if path := cmp.Or(flags.Creds, f.Creds); path != "" {
		c, err := auth.ReadCredentials(path)
		if err != nil {
			return nil, usage(err)
		}
		who = &c
	}
	o := bus.Options{Server: flags.Server, Context: flags.Context, Credentials: who, Log: s.log, Quit: ctx.Done()}
	for _, set := range with {
		set(&o)
	}
	// A signal while it connects is for the command to answer: a role that was ended has not failed.
	conn, err := bus.Connect(context.WithoutCancel(ctx), o)
	if err != nil {
		return nil, usage(err)
	}
	return conn, nil
}

// answerWait is how long a command that asks one thing waits for the server.
const answerWait = 5 * time.Second

// entryWait is how long a command tries a server that does not let it in: one that has just got a new
// user reads its files once a second.
const entryWait = 2500 * time.Millisecond

// reach waits for the server, for commands that would rather fail than wait for ever.
func (s *session) reach(ctx context.Context, conn *bus.Conn) error {
	for began := time.Now(); time.Since(began) < answerWait; {
		waiting, cancel := context.WithTimeout(ctx, answerWait/10)
		err := conn.WaitConnected(waiting)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if refused := new(bus.EntryError); errors.As(err, &refused) && time.Since(began) > entryWait {
			return fmt.Errorf("%s: %w", strings.Join(triedServers(conn), ", "), refused)
		}
	}
	return fmt.Errorf("no NATS server has answered within %s at %s: start one with `lensbus up` or `lensbus broker`, or say where it is with --server", answerWait, strings.Join(triedServers(conn), ", "))
}

// triedServers are the servers of a connection, without credentials, which a user name may be too.
func triedServers(conn *bus.Conn) []string {
	var tried []string
	for _, server := range conn.NATS().Servers() {
		if u, err := url.Parse(server); err == nil {
			tried = append(tried, u.Scheme+"://"+u.Host)
		}
	}
	return tried
}

// use runs a command with its connection and closes that afterwards.
func (s *session) use(conn *bus.Conn, run func() error) error {
	err := run()
	return errors.Join(err, s.life.end("connection", conn.Close))
}

// brokerFlags are the settings of a broker in this process that a command line can change.
type brokerFlags struct {
	Store    string `env:"LENSBUS_STORE" placeholder:"DIR" help:"Folder in which the broker keeps streams. Default: a temporary one."`
	Auth     string `env:"LENSBUS_AUTH" placeholder:"DIR" help:"Folder of lensbus auth init: the users that the broker lets in, and its certificate. Default: nobody is asked."`
	Insecure bool   `env:"LENSBUS_INSECURE" help:"Listen for other machines although there is no authentication: everybody who reaches the port can watch every camera."`
}

func (b brokerFlags) apply(listen string, c *broker.Config) {
	if listen != "" {
		c.Listen = listen
	}
	if b.Store != "" {
		c.Store = b.Store
	}
	if b.Auth != "" {
		c.Auth = b.Auth
	}
	c.Insecure = c.Insecure || b.Insecure
}

// withBroker runs a broker in this process, and run with it and a connection to it that needs no network.
func (s *session) withBroker(ctx context.Context, c broker.Config, run func(*broker.Server, *bus.Conn) error, with ...func(*bus.Options)) error {
	server, err := broker.Start(ctx, c, s.log)
	if err != nil {
		if interrupted(ctx, err) {
			return nil
		}
		return err
	}
	err = func() error {
		o := bus.Options{InProcess: server.InProcess(), Credentials: server.Credentials(), Log: s.log}
		for _, set := range with {
			set(&o)
		}
		conn, err := bus.Connect(ctx, o)
		if err != nil {
			if interrupted(ctx, err) {
				return nil
			}
			return err
		}
		return s.use(conn, func() error { return run(server, conn) })
	}()
	return errors.Join(err, s.life.end("broker", server.Close))
}
