package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// UplinkConfig connects the broker to a larger one, which has a LeafListen: as a leaf node, in NATS's
// words. What is watched there crosses the link only while somebody watches.
type UplinkConfig struct {
	// Server is where that one listens for leaf nodes: tls://HOST:PORT, several with commas between.
	// The port is 7422 where none is given. Default: what Creds say; none at all: no uplink.
	Server string `yaml:"server"`
	// Creds is the credentials file of a site's user, made there. Default: nobody in particular.
	Creds string `yaml:"creds"`
}

// is says whether there is an uplink.
func (u UplinkConfig) is() bool { return u != UplinkConfig{} }

// LeafPort is NATS's own for leaf nodes.
const LeafPort = "7422"

// How a broken link is mended.
const (
	leafRetry = time.Second
	leafDial  = 5 * time.Second
)

// validateLeaf returns everything that is wrong with the settings of leaf nodes.
func (c Config) validateLeaf() (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.LeafListen != "" {
		if err := c.checkListen("leaf_listen", c.LeafListen); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Domain != "" && !frame.ValidName(c.Domain) {
		wrong("domain: %.40q: %s", c.Domain, frame.NameRule)
	}
	if c.Uplink.Server != "" {
		if _, err := leafURLs(c.Uplink.Server); err != nil {
			wrong("uplink.server: %w", err)
		}
		if c.Uplink.Creds == "" && c.Domain == "" && !c.NoJetStream {
			wrong("domain: an uplink without credentials needs one, by which its streams are told from those of other brokers")
		}
	}
	return errs
}

// leafURLs takes apart what says where to connect. Its errors never quote it: it may hold a password.
func leafURLs(text string) ([]*url.URL, error) {
	var all []*url.URL
	for i, one := range strings.Split(text, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats-leaf://" + one
		}
		u, err := url.Parse(one)
		if err != nil || u.Hostname() == "" || !slices.Contains([]string{"tls", "nats-leaf", "nats"}, u.Scheme) {
			return nil, fmt.Errorf("address %d is none: want tls://HOST:PORT", i+1)
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), LeafPort)
		}
		all = append(all, u)
	}
	return all, nil
}

// leafOptions puts what the configuration says of leaf nodes into the server's options.
func leafOptions(config *Config, opts *server.Options) error {
	if config.LeafListen != "" {
		host, port, err := splitListen("leaf_listen", config.LeafListen)
		if err != nil {
			return err
		}
		if port == 0 {
			port = server.RANDOM_PORT
		}
		opts.LeafNode.Host, opts.LeafNode.Port = host, port
		if host == "" {
			opts.LeafNode.Host = server.DEFAULT_HOST
		}
		// Sites go by the address that they were given: this one's own may be one of a network behind it.
		opts.LeafNode.NoAdvertise = true
		// Where a site answers is named after the site then: see auth.Site.
		opts.FeatureFlags = map[string]bool{"js_api_reply_v2": true}
	}
	if config.Uplink.is() {
		remote, err := config.Uplink.remote(config)
		if err != nil {
			return err
		}
		opts.LeafNode.Remotes = []*server.RemoteLeafOpts{remote}
		opts.LeafNode.ReconnectInterval = leafRetry
		// The other one says in one line what may pass, some 800 bytes a camera. From a server it takes 16
		// times of this.
		opts.MaxControlLine = int32(64 * KiB)
	}
	if config.LeafListen != "" || config.Uplink.is() {
		opts.LeafNode.Compression.Mode = server.CompressionOff // pictures are compressed
	}
	if config.Domain != "" {
		opts.JetStreamDomain = config.Domain
		// One that comes back before it was missed takes the place of what it was before.
		opts.ServerName = config.Domain
	}
	return nil
}

// remote is the uplink for the server. It fills in the domain.
func (u UplinkConfig) remote(config *Config) (*server.RemoteLeafOpts, error) {
	remote := &server.RemoteLeafOpts{DialTimeout: leafDial, Compression: server.CompressionOpts{Mode: server.CompressionOff}}
	where := u.Server
	var secure *tls.Config
	if u.Creds != "" {
		credentials, err := auth.ReadCredentials(u.Creds)
		if err != nil {
			return nil, fmt.Errorf("uplink: %w", err)
		}
		switch {
		case credentials.Role != auth.Site:
			return nil, fmt.Errorf("uplink: %s has the credentials of a %s: want those of a site (lensbus auth add site)", u.Creds, credentials.Role)
		case config.Domain == "":
			config.Domain = credentials.Name
		case config.Domain != credentials.Name:
			return nil, fmt.Errorf("domain: %s, and the uplink's credentials are of the site %s: leave domain away", config.Domain, credentials.Name)
		}
		remote.Nkey = credentials.Seed()
		if where == "" {
			where = credentials.Server
		}
		if secure, err = credentials.TLS(); err != nil {
			return nil, fmt.Errorf("uplink: %w", err)
		}
	}
	if where == "" {
		return nil, errors.New("uplink: where to? give uplink.server")
	}
	var err error
	if remote.URLs, err = leafURLs(where); err != nil {
		return nil, fmt.Errorf("uplink.server: %w", err)
	}
	tlsWanted := slices.ContainsFunc(remote.URLs, func(u *url.URL) bool { return u.Scheme == "tls" })
	if secure == nil && tlsWanted {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if secure != nil {
		remote.TLS, remote.TLSConfig, remote.TLSTimeout = true, secure, handshakeSeconds
	}
	return remote, nil
}

// LeafURL is where leaf nodes connect, with the port that is really in use; "" without LeafListen.
func (s *Server) LeafURL() string {
	if s.leafListen == "" {
		return ""
	}
	v, err := s.nats.Varz(nil)
	if err != nil {
		return ""
	}
	host := v.LeafNode.Host
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "nats-leaf://"
	if s.access != nil {
		scheme = "tls://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(v.LeafNode.Port))
}

// Uplinked says whether the uplink is connected; false where there is none.
func (s *Server) Uplinked() bool {
	leafs, err := s.nats.Leafz(nil)
	return err == nil && slices.ContainsFunc(leafs.Leafs, func(l *server.LeafInfo) bool { return l.IsSpoke })
}

// sites are those of the users that connect as leaf nodes, for comparing.
func sites(users []auth.User) []string {
	var all []string
	for _, u := range users {
		if u.Role == auth.Site {
			all = append(all, u.Name+" "+u.Key+" "+u.CameraList())
		}
	}
	slices.Sort(all)
	return all
}

// dismissSites ends all connections of leaf nodes, this one's own too, as what one says of its kind is not
// trusted. Those that still may are back at once, with the rights that they have now; the server itself
// looks only at clients when users change.
func dismissSites(nats *server.Server) {
	leafs, err := nats.Leafz(nil)
	if err != nil {
		return
	}
	for _, leaf := range leafs.Leafs {
		_ = nats.DisconnectClientByID(leaf.ID) // it may be gone by itself
	}
}
