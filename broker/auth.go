package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// access is who may do what on a broker, and how its clients know it. It is read from files, and
// again when they change.
type access struct {
	usersFile                  string // "": nobody is asked who he is
	certificate, key, ca       string // files; "" each
	clientCertificates         bool
	inside                     auth.User // this process
	credentials                auth.Credentials
	users, pair, pairKey, pool []byte // what was read

	mu     sync.Mutex
	people []auth.User // that the broker lets in now
}

func (a *access) letIn(users []auth.User) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.people = users
}

func (a *access) now() []auth.User {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.people
}

// Sites returns the cameras of the broker's leaf nodes, sorted.
func (s *Server) Sites() []frame.CameraID {
	cameras, _ := s.camerasOf(auth.Site)
	return cameras
}

// SiteOf returns the name of the leaf node that has the camera, "" where none has.
func (s *Server) SiteOf(id frame.CameraID) string {
	if s.access == nil {
		return ""
	}
	for _, u := range s.access.now() {
		if u.Role == auth.Site && slices.Contains(u.Cameras, id) {
			return u.Name
		}
	}
	return ""
}

// Publishes returns the cameras that the broker's users may publish, sorted; all where one may publish
// any. There are none where nobody is asked who he is.
func (s *Server) Publishes() (cameras []frame.CameraID, all bool) { return s.camerasOf(auth.Publisher) }

func (s *Server) camerasOf(role auth.Role) (cameras []frame.CameraID, all bool) {
	if s.access == nil {
		return nil, false
	}
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	for _, u := range s.access.people {
		if u.Role == role {
			cameras, all = append(cameras, u.Cameras...), all || u.All
		}
	}
	slices.Sort(cameras)
	return slices.Compact(cameras), all
}

// Durables returns the names of the consumers that the broker's recorders have of a camera. There are none
// where nobody is asked who he is.
func (s *Server) Durables(id frame.CameraID) []string {
	if s.access == nil {
		return nil
	}
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return auth.Durables(s.access.people, id)
}

// newAccess returns nil where the configuration asks for neither users nor TLS.
func newAccess(config Config) (*access, error) {
	if config.Auth == "" && config.TLS.Certificate == "" {
		return nil, nil
	}
	a := &access{certificate: config.TLS.Certificate, key: config.TLS.Key, ca: config.TLS.CA, clientCertificates: config.TLS.Clients}
	if config.Auth != "" {
		a.usersFile = filepath.Join(config.Auth, auth.UsersFile)
		if a.certificate == "" {
			a.certificate, a.key = filepath.Join(config.Auth, auth.CertificateFile), filepath.Join(config.Auth, auth.KeyFile)
		}
		if a.ca == "" {
			a.ca = filepath.Join(config.Auth, auth.CAFile)
		}
		a.inside = auth.User{Name: "inside", Role: auth.Admin}
		var err error
		if a.credentials, a.inside.Key, err = auth.NewCredentials(a.inside); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// changed reads the files and returns whether one is other than before.
func (a *access) changed() (bool, error) {
	read := func(path string, wanted bool) ([]byte, error) {
		if !wanted {
			return nil, nil
		}
		return os.ReadFile(path)
	}
	users, err1 := read(a.usersFile, a.usersFile != "")
	pair, err2 := read(a.certificate, true)
	pairKey, err3 := read(a.key, true)
	pool, err4 := read(a.ca, a.clientCertificates)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return false, fmt.Errorf("read who may use the broker: %w", err)
	}
	if bytes.Equal(users, a.users) && bytes.Equal(pair, a.pair) && bytes.Equal(pairKey, a.pairKey) && bytes.Equal(pool, a.pool) {
		return false, nil
	}
	a.users, a.pair, a.pairKey, a.pool = users, pair, pairKey, pool
	return true, nil
}

// forget makes changed say so the next time.
func (a *access) forget() { a.users, a.pair, a.pairKey, a.pool = nil, nil, nil, nil }

// apply puts what the files say into the server's options.
func (a *access) apply(opts *server.Options) error {
	pair, err := tls.X509KeyPair(a.pair, a.pairKey)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", a.certificate, err)
	}
	opts.TLS, opts.TLSTimeout = true, handshakeSeconds
	opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if a.clientCertificates {
		opts.TLSVerify = true
		opts.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
		opts.TLSConfig.ClientCAs = x509.NewCertPool()
		if !opts.TLSConfig.ClientCAs.AppendCertsFromPEM(a.pool) {
			return fmt.Errorf("CA %s: no certificate in PEM", a.ca)
		}
	}
	if opts.LeafNode.Port != 0 {
		opts.LeafNode.TLSConfig, opts.LeafNode.TLSTimeout = opts.TLSConfig.Clone(), handshakeSeconds
	}
	if a.usersFile == "" {
		return nil
	}
	users, err := auth.ReadUsers(a.usersFile)
	if err != nil {
		return err
	}
	opts.AuthTimeout, opts.LeafNode.AuthTimeout = handshakeSeconds, handshakeSeconds
	opts.Nkeys = []*server.NkeyUser{natsUser(a.inside)}
	// Nobody outside can be it, though its key is known to nobody anyway.
	opts.Nkeys[0].AllowedConnectionTypes = map[string]struct{}{"IN_PROCESS": {}}
	for _, u := range users {
		opts.Nkeys = append(opts.Nkeys, natsUser(u))
	}
	a.letIn(users)
	return nil
}

// handshakeSeconds is how long a client has to say who it is.
const handshakeSeconds = 5

func natsUser(u auth.User) *server.NkeyUser {
	rights, ways := u.Rights(), make(map[string]struct{})
	for _, way := range u.ConnectionTypes() {
		ways[way] = struct{}{}
	}
	return &server.NkeyUser{Nkey: u.Key, AllowedConnectionTypes: ways, Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: rights.Publish},
		Subscribe: &server.SubjectPermission{Allow: rights.Subscribe},
	}}
}

// accessEvery is how often the files are looked at.
const accessEvery = time.Second

// gate keeps a server to what the files of access say.
type gate struct {
	stop chan struct{}
	done sync.WaitGroup
}

// keep looks at the files until close. A wrong one is logged and changes nothing.
func keep(nats *server.Server, opts *server.Options, a *access, log *slog.Logger) *gate {
	g := &gate{stop: make(chan struct{})}
	g.done.Go(func() {
		tick := time.NewTicker(accessEvery)
		defer tick.Stop()
		said := ""
		for {
			select {
			case <-g.stop:
				return
			case <-tick.C:
			}
			changed, err := a.changed()
			if err == nil && changed {
				next, before := opts.Clone(), sites(a.now())
				if err = a.apply(next); err == nil {
					err = nats.ReloadOptions(next)
				}
				if err == nil {
					if !slices.Equal(sites(a.now()), before) {
						dismissSites(nats)
					}
					log.Info("who may use the broker has changed", "users", len(next.Nkeys))
				} else { // it may be right the next time with the same content: a mode, a moment
					a.forget()
				}
			}
			if err != nil && err.Error() != said {
				log.Error("who may use the broker: the files are wrong, what was before still holds", "error", err)
			}
			if said = ""; err != nil {
				said = err.Error()
			}
		}
	})
	return g
}

// close waits. g may be nil.
func (g *gate) close() {
	if g == nil {
		return
	}
	close(g.stop)
	g.done.Wait()
}
