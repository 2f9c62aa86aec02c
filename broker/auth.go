package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
)

// access is who may do what on a broker, and how its clients know it. It is read from files, and
// again when they change: see gate.
type access struct {
	usersFile            string // "": nobody is asked who he is
	certificate, key, ca string // files; "" each
	clientCertificates   bool
	inside               auth.User // this process
	credentials          auth.Credentials

	taken accessFiles // what the server has taken

	mu     sync.Mutex
	people []auth.User // of taken
}

// accessFiles is what the files say; nil each that is not asked for.
type accessFiles struct {
	users, pair, pairKey, pool []byte
}

func (f accessFiles) equal(other accessFiles) bool {
	return bytes.Equal(f.users, other.users) && bytes.Equal(f.pair, other.pair) &&
		bytes.Equal(f.pairKey, other.pairKey) && bytes.Equal(f.pool, other.pool)
}

// hold says what the server has taken. Nothing here says before that who may do what.
func (a *access) hold(files accessFiles, people []auth.User) {
	a.taken = files
	a.mu.Lock()
	defer a.mu.Unlock()
	a.people = people
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

// read reads the files.
func (a *access) read() (f accessFiles, err error) {
	var err1, err2, err3, err4 error
	if a.usersFile != "" {
		f.users, err1 = auth.ReadUsersFile(a.usersFile)
	}
	f.pair, err2 = os.ReadFile(a.certificate)
	f.pairKey, err3 = os.ReadFile(a.key)
	if a.clientCertificates {
		f.pool, err4 = os.ReadFile(a.ca)
	}
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return accessFiles{}, fmt.Errorf("read who may use the broker: %w", err)
	}
	return f, nil
}

// options puts what the files say into a server's options and returns who is in them.
func (a *access) options(files accessFiles, opts *server.Options) ([]auth.User, error) {
	pair, err := tls.X509KeyPair(files.pair, files.pairKey)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", a.certificate, err)
	}
	opts.TLS, opts.TLSTimeout = true, handshakeSeconds
	opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if a.clientCertificates {
		opts.TLSVerify = true
		opts.TLSConfig.ClientAuth = tls.RequireAndVerifyClientCert
		opts.TLSConfig.ClientCAs = x509.NewCertPool()
		if !opts.TLSConfig.ClientCAs.AppendCertsFromPEM(files.pool) {
			return nil, fmt.Errorf("CA %s: no certificate in PEM", a.ca)
		}
	}
	if opts.LeafNode.Port != 0 {
		opts.LeafNode.TLSConfig, opts.LeafNode.TLSTimeout = opts.TLSConfig.Clone(), handshakeSeconds
	}
	if a.usersFile == "" {
		return nil, nil
	}
	users, err := auth.ParseUsers(files.users)
	if err != nil {
		return nil, fmt.Errorf("users file %s: %w", a.usersFile, err)
	}
	opts.AuthTimeout, opts.LeafNode.AuthTimeout = handshakeSeconds, handshakeSeconds
	opts.Nkeys = []*server.NkeyUser{natsUser(a.inside)}
	// Nobody outside can be it, though its key is known to nobody anyway.
	opts.Nkeys[0].AllowedConnectionTypes = map[string]struct{}{"IN_PROCESS": {}}
	for _, u := range users {
		opts.Nkeys = append(opts.Nkeys, natsUser(u))
	}
	return users, nil
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
