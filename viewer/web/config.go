package web

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/config/hostport"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// ErrInsecure is wrapped by the error that refuses a page which everybody on the network could watch.
var ErrInsecure = errors.New("no authentication")

// The defaults of [Config].
const (
	DefaultListen           = "127.0.0.1:8080"
	DefaultMaxViewers       = 1024
	DefaultMaxViewersPerson = 256
	DefaultMaxReplays       = 48
	DefaultMaxExports       = 8
	// Of one address, and of one person.
	DefaultMaxConnectionsAddress = 256
	DefaultMaxReplaysPerson      = 16
	DefaultMaxExportsPerson      = 4
	DefaultMaxSessionsPerson     = login.DefaultOwn
	DefaultStall                 = 30 * time.Second
	DefaultLinger                = 5 * time.Second
	DefaultPreviewFPS            = 10
	DefaultHeaderWait            = 10 * time.Second
	DefaultIdle                  = time.Minute
	DefaultMaxHeader             = 16 << 10
	DefaultMaxConnections        = 1024
)

// Config is the page's section of the configuration file. The zero value of a field is its
// default, so the zero Config is a page for this machine.
type Config struct {
	// Listen is HOST:PORT. Default 127.0.0.1:8080. Port 0 takes a free one, which Run tells. A host
	// that is not loopback needs Insecure.
	Listen string `yaml:"listen"`
	// Insecure allows a Listen that other machines reach although there is no authentication:
	// everybody who reaches the port can watch every camera. Default false.
	Insecure bool `yaml:"insecure"`
	// Auth is a folder of `lensbus auth`: the page asks its people (`lensbus auth page add`) who they
	// are, and shows its certificate. Both are read again when they change. Default "": nobody is
	// asked.
	Auth string `yaml:"auth"`
	// People is the file of people, and TLS the certificate, where they are elsewhere than in Auth.
	People string    `yaml:"people"`
	TLS    TLSConfig `yaml:"tls"`
	// Hosts are further names that the page is called by, without port: cameras.example.org. A
	// request for another name is refused, because a foreign page could have its own name point here.
	// Without Hosts, a Listen beyond loopback answers to names without a dot, this machine's own and those
	// of its certificate. Default none.
	Hosts []string `yaml:"hosts"`
	// TrustedProxies are addresses and networks of reverse proxies in front of the page: what they say
	// in X-Forwarded-For is whom wrong logins count for, and X-Forwarded-Proto: https makes the cookie
	// Secure. Default none: nobody's word is taken.
	TrustedProxies []string `yaml:"trusted_proxies"`

	// MaxViewers is how many streams, sockets and waiting snapshots there may be at a time, all
	// cameras together. Default 1024. The next one gets 503.
	MaxViewers int `yaml:"max_viewers"`
	// MaxViewersPerson is how many of them one person or program may have, where the page has people.
	// Default 256. The next one gets 429.
	MaxViewersPerson int `yaml:"max_viewers_person"`
	// MaxReplays is how many replays there may be at a time, and MaxReplaysPerson of one person or
	// program. Defaults 48 and 16. A recorder has a bound of its own for what one page takes
	// (recorder.replays_each), exports included.
	MaxReplays       int `yaml:"max_replays"`
	MaxReplaysPerson int `yaml:"max_replays_person"`
	// MaxExports is how many exports there may be at a time, each of which reads from a recorder as fast
	// as its client takes, and MaxExportsPerson of one person or program. Defaults 8 and 4.
	MaxExports       int `yaml:"max_exports"`
	MaxExportsPerson int `yaml:"max_exports_person"`
	// MaxSessionsPerson is how many logins of one person hold at a time; the next one ends the one that was
	// not used for longest. Default 32: more is for a wall of tablets that share a name.
	MaxSessionsPerson int `yaml:"max_sessions_person"`
	// MaxConnections is how many connections may be open that watch nothing. Default 1024. The next
	// one is closed.
	MaxConnections int `yaml:"max_connections"`
	// MaxConnectionsAddress is how many of them one address of another machine may have, of IPv6 one
	// network of 64 bits; not counted is what comes from TrustedProxies. Default 256.
	MaxConnectionsAddress int `yaml:"max_connections_address"`
	// Stall is how long a viewer may take nothing before it is dropped. Default 30s.
	Stall time.Duration `yaml:"stall"`
	// Linger is how long a camera is received on after its last viewer left, so that a page that is
	// loaded again has its picture at once. Default 5s; negative means not at all.
	Linger time.Duration `yaml:"linger"`
	// PreviewFPS is how many frames a second preview.mjpeg sends at most. Default 10.
	PreviewFPS float64 `yaml:"preview_fps"`

	// HeaderWait is how long a client may take to send its request's header. Default 10s.
	HeaderWait time.Duration `yaml:"header_wait"`
	// Idle is how long a connection without a request is kept. Default 1m.
	Idle time.Duration `yaml:"idle"`
	// MaxHeader bounds a request's header, bytes. Default 16384.
	MaxHeader int `yaml:"max_header"`
}

// TLSConfig are the files by which browsers know the page, PEM; read again when they change.
type TLSConfig struct {
	// Certificate and Key. Default: those of Auth; without that, no TLS.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// OrDefaults returns c with every zero field replaced by its default.
func (c Config) OrDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Auth != "" {
		if c.People == "" {
			c.People = filepath.Join(c.Auth, auth.PeopleFile)
		}
		if c.TLS == (TLSConfig{}) {
			c.TLS = TLSConfig{filepath.Join(c.Auth, auth.CertificateFile), filepath.Join(c.Auth, auth.KeyFile)}
		}
	}
	orDefault(&c.MaxViewers, DefaultMaxViewers)
	orDefault(&c.MaxViewersPerson, DefaultMaxViewersPerson)
	orDefault(&c.MaxReplays, DefaultMaxReplays)
	orDefault(&c.MaxReplaysPerson, DefaultMaxReplaysPerson)
	orDefault(&c.MaxExports, DefaultMaxExports)
	orDefault(&c.MaxExportsPerson, DefaultMaxExportsPerson)
	orDefault(&c.MaxSessionsPerson, DefaultMaxSessionsPerson)
	orDefault(&c.MaxConnectionsAddress, DefaultMaxConnectionsAddress)
	orDefault(&c.MaxConnections, DefaultMaxConnections)
	orDefault(&c.Stall, DefaultStall)
	orDefault(&c.Linger, DefaultLinger)
	orDefault(&c.PreviewFPS, DefaultPreviewFPS)
	orDefault(&c.HeaderWait, DefaultHeaderWait)
	orDefault(&c.Idle, DefaultIdle)
	orDefault(&c.MaxHeader, DefaultMaxHeader)
	return c
}

func orDefault[T comparable](field *T, standard T) {
	var zero T
	if *field == zero {
		*field = standard
	}
}

// Validate checks c with its defaults filled in and returns everything that is wrong, joined; each
// error starts with the field's name in the file.
func (c Config) Validate() error {
	c = c.OrDefaults()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	host, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		wrong("listen: %q is not HOST:PORT, such as %s", c.Listen, DefaultListen)
	case !c.Insecure && !hostport.Loopback(host) && c.People == "":
		wrong("listen: %w: on %s everybody who reaches this machine could watch every camera; make people and a certificate with `lensbus auth init` and `lensbus auth page add` and name their folder with --auth, or accept it with --insecure", ErrInsecure, c.Listen)
	case !c.Insecure && !hostport.Loopback(host) && c.TLS.Certificate == "":
		wrong("listen: %w: on %s passwords and pictures would be read on the way; give tls.certificate and tls.key, or accept it with --insecure", ErrInsecure, c.Listen)
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		wrong("tls: certificate and key go together: give both files or none")
	}
	if _, err := parseProxies(c.TrustedProxies); err != nil {
		wrong("trusted_proxies: %w", err)
	}
	for _, name := range c.Hosts {
		if name == "" || strings.ContainsAny(name, "/*:@ ") {
			wrong("hosts: %q is not a host name without port, such as cameras.example.org", name)
		}
	}
	between(wrong, "max_viewers", c.MaxViewers, 1, 100_000)
	between(wrong, "max_viewers_person", c.MaxViewersPerson, 1, 100_000)
	between(wrong, "max_replays", c.MaxReplays, 1, 10_000)
	between(wrong, "max_replays_person", c.MaxReplaysPerson, 1, 10_000)
	between(wrong, "max_exports", c.MaxExports, 1, 1000)
	between(wrong, "max_exports_person", c.MaxExportsPerson, 1, 1000)
	between(wrong, "max_sessions_person", c.MaxSessionsPerson, 1, login.MostSessions)
	between(wrong, "max_connections_address", c.MaxConnectionsAddress, 1, 100_000)
	between(wrong, "max_connections", c.MaxConnections, 1, 100_000)
	between(wrong, "stall", c.Stall, 100*time.Millisecond, time.Hour)
	between(wrong, "linger", c.Linger, -time.Hour, time.Hour)
	between(wrong, "preview_fps", c.PreviewFPS, 0.01, 1000)
	between(wrong, "header_wait", c.HeaderWait, 100*time.Millisecond, time.Hour)
	between(wrong, "idle", c.Idle, 100*time.Millisecond, 24*time.Hour)
	between(wrong, "max_header", c.MaxHeader, 1<<10, 1<<20)
	return errors.Join(errs...)
}

func between[T int | float64 | time.Duration](wrong func(string, ...any), field string, v, least, most T) {
	if !(v >= least && v <= most) { // so that NaN is wrong
		wrong("%s: %v is outside %v to %v", field, v, least, most)
	}
}
