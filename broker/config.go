package broker

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/lensbus/lensbus/config/hostport"
)

// ErrInsecure is wrapped by the error that refuses a broker which everybody on the network could use.
var ErrInsecure = errors.New("no authentication")

// The defaults of [Config].
const (
	DefaultListen           = "127.0.0.1:4222"
	DefaultMaxPayload       = 8 * MiB
	DefaultMaxPending       = 16 * MiB
	DefaultWriteDeadline    = 5 * time.Second
	DefaultMaxConnections   = 10_000
	DefaultMaxSubscriptions = 10_000
	DefaultMaxMemoryStore   = 1 * GiB
	DefaultMaxFileStore     = 10 * GiB
)

// Config is the broker's section of the configuration file. The zero value of a field is its
// default, so the zero Config is a broker for this machine that keeps nothing.
type Config struct {
	// Listen is HOST:PORT for NATS clients. Default 127.0.0.1:4222. Port 0 or -1 takes a free one,
	// which [Server.URL] tells. A host that is not loopback needs Insecure.
	Listen string `yaml:"listen"`
	// Insecure allows a Listen that other machines reach although there is no authentication:
	// everybody who reaches the port can watch every camera and publish as any. Default false.
	Insecure bool `yaml:"insecure"`

	// Auth is a folder that `lensbus auth init` made: the broker lets in whom its users file names,
	// with the rights of their roles, and shows its certificate. Both are read again when they
	// change; who is removed is cut off. Default "": nobody is asked.
	Auth string `yaml:"auth"`
	// TLS are certificates of one's own.
	TLS TLSConfig `yaml:"tls"`
	// MaxConnections bounds how many clients there may be. Default 10000; a role has up to three.
	MaxConnections int `yaml:"max_connections"`
	// MaxSubscriptions bounds how many subscriptions one connection may have. Default 10000; a page has a
	// few for each camera.
	MaxSubscriptions int `yaml:"max_subscriptions"`

	// Domain names this broker's JetStream apart from that of brokers which it is connected to: 1 to 32
	// of a-z, 0-9, '_' and '-'. Default: the name of the Uplink's credentials; without those, none.
	Domain string `yaml:"domain"`
	// LeafListen is HOST:PORT for the brokers of other places, which connect as leaf nodes. Default "":
	// nowhere. As for Listen, a host that is not loopback needs Auth or Insecure.
	LeafListen string `yaml:"leaf_listen"`
	// Uplink connects this broker to one that has a LeafListen. It goes on by itself while that cannot
	// be reached, and tries again for ever.
	Uplink UplinkConfig `yaml:"uplink"`

	// Store is the folder for streams on file; made where it is missing, locked while the broker
	// runs. Default "": a private temporary folder that Close removes, so nothing is kept.
	Store string `yaml:"store"`
	// NoJetStream turns storage off altogether: live pictures flow, but there is no first picture
	// for a new viewer, no snapshot and no recording. Default false.
	NoJetStream bool `yaml:"no_jetstream"`
	// MaxMemoryStore bounds what all streams in memory may hold together. Default 1GiB. It is a
	// limit, not an allocation; a camera that is not recorded takes one picture.
	MaxMemoryStore Bytes `yaml:"max_memory_store"`
	// MaxFileStore bounds what all streams on file may hold together. Default 10GiB. Keep it under
	// 80 % of a volume that nothing else fills: on a full one nothing is stored until there is room
	// again, while live pictures go on.
	MaxFileStore Bytes `yaml:"max_file_store"`
	// Sync is when what is stored in Store is forced to disk: always, which is the default, before
	// the broker confirms it, or every so often.
	Sync Sync `yaml:"sync"`

	// MaxPayload is the largest message, headers included. Default 8MiB, at most 64MiB, though
	// above 8MiB one slow client delays the others noticeably.
	MaxPayload Bytes `yaml:"max_payload"`
	// MaxPending is what the broker queues for one client: it bounds both memory and how old a
	// picture can get here. At three quarters of it pictures skip that client, at all of it the
	// client is cut off. Default 16MiB; at least MaxPayload.
	MaxPending Bytes `yaml:"max_pending"`
	// WriteDeadline is how long one write to a client, which may be all of its queue, may take
	// before the client is cut off. Default 5s.
	WriteDeadline time.Duration `yaml:"write_deadline"`
}

// TLSConfig are the files by which the broker is known, PEM; read again when they change.
type TLSConfig struct {
	// Certificate and Key of the broker. Default: those of the Auth folder; without one, no TLS.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// CA whose clients' certificates are taken. Default: that of the Auth folder.
	CA string `yaml:"ca"`
	// Clients must show a certificate of CA, besides their key: `lensbus auth add --certificate`
	// makes one. Default false.
	Clients bool `yaml:"clients"`
}

// OrDefaults returns c with every zero field replaced by its default.
func (c Config) OrDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	for _, size := range []struct {
		field    *Bytes
		standard Bytes
	}{
		{&c.MaxMemoryStore, DefaultMaxMemoryStore},
		{&c.MaxFileStore, DefaultMaxFileStore},
		{&c.MaxPayload, DefaultMaxPayload},
		{&c.MaxPending, DefaultMaxPending},
	} {
		if *size.field == 0 {
			*size.field = size.standard
		}
	}
	if c.WriteDeadline == 0 {
		c.WriteDeadline = DefaultWriteDeadline
	}
	if c.MaxSubscriptions == 0 {
		c.MaxSubscriptions = DefaultMaxSubscriptions
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	return c
}

// Validate checks c with its defaults filled in and returns everything that is wrong, joined; each
// error starts with the field's name in the file.
func (c Config) Validate() error {
	c = c.OrDefaults()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if err := c.checkListen("listen", c.Listen); err != nil {
		errs = append(errs, err)
	}
	const minPayload, maxPayload = 64 * KiB, 64 * MiB // 64 MiB is the server's own ceiling
	if c.MaxPayload < minPayload || c.MaxPayload > maxPayload {
		wrong("max_payload: %s is outside %s to %s", c.MaxPayload, minPayload, maxPayload)
	}
	if c.MaxPending < c.MaxPayload {
		wrong("max_pending: %s is less than max_payload, %s: the largest picture could never be delivered", c.MaxPending, c.MaxPayload)
	}
	if c.MaxPending > GiB {
		wrong("max_pending: %s is over %s, for every single slow client", c.MaxPending, GiB)
	}
	if c.MaxMemoryStore < 0 {
		wrong("max_memory_store: %d is negative", c.MaxMemoryStore)
	}
	if c.MaxFileStore < 0 {
		wrong("max_file_store: %d is negative", c.MaxFileStore)
	}
	if c.WriteDeadline < 100*time.Millisecond || c.WriteDeadline > time.Minute {
		wrong("write_deadline: %s is outside 100ms to 1m", c.WriteDeadline)
	}
	if every := time.Duration(c.Sync); every != 0 && (every < 100*time.Millisecond || every > 10*time.Minute) {
		wrong("sync: %s is outside 100ms to 10m", every)
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		wrong("tls: certificate and key go together: give both files or none")
	}
	if c.TLS.Clients && c.TLS.CA == "" && c.Auth == "" {
		wrong("tls.clients: whose certificates? give tls.ca or auth")
	}
	if c.MaxSubscriptions < 100 {
		wrong("max_subscriptions: %d: want 100 or more", c.MaxSubscriptions)
	}
	if c.MaxConnections < 1 {
		wrong("max_connections: %d: want 1 or more", c.MaxConnections)
	}
	if c.NoJetStream && c.Store != "" {
		wrong("store: %s stores nothing while no_jetstream is set: remove one of them", c.Store)
	}
	return errors.Join(append(errs, c.validateLeaf()...)...)
}

// checkListen refuses what is no HOST:PORT, and a host that others than this machine reach where nobody is
// asked who he is. field is whose it is, for the error.
func (c Config) checkListen(field, address string) error {
	host, _, err := splitListen(field, address)
	if err != nil {
		return err
	}
	if !c.Insecure && !hostport.Loopback(host) && c.Auth == "" {
		return fmt.Errorf("%s: %w: on %s everybody who reaches this machine could watch every camera; make users and certificates with `lensbus auth init` and name their folder with --auth, or accept it with --insecure", field, ErrInsecure, address)
	}
	return nil
}

// splitListen takes a HOST:PORT apart; field is whose, for the error.
func splitListen(field, address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < -1 || port > 65535 {
		return "", 0, fmt.Errorf("%s: %q is not HOST:PORT, such as %s", field, address, DefaultListen)
	}
	return host, port, nil
}
