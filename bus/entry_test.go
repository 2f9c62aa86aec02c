package bus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/frame"
)

// selfSigned makes a certificate that is its own authority, for the names and until then.
func selfSigned(t *testing.T, until time.Time, names ...string) (certificate []byte, files broker.TLSConfig) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until, DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	files = broker.TLSConfig{Certificate: filepath.Join(t.TempDir(), "crt"), Key: filepath.Join(t.TempDir(), "key")}
	if err := errors.Join(os.WriteFile(files.Certificate, certificate, 0o600), os.WriteFile(files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)); err != nil {
		t.Fatal(err)
	}
	return certificate, files
}

// refusedEntry connects and wants to be refused with these words. It asks until it hears them: the first
// attempt may be answered before the server has ended its own part.
func refusedEntry(t *testing.T, what, want string, o bus.Options) {
	t.Helper()
	conn := connect(t, o)
	defer func() { _ = conn.Close() }()
	last := error(nil)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		last = conn.WaitConnected(ctx)
		cancel()
		refused := new(bus.EntryError)
		if errors.As(last, &refused) && strings.Contains(refused.Reason, want) && !strings.Contains(last.Error(), "\n") {
			return
		}
		if last == nil {
			t.Errorf("%s gets in", what)
			return
		}
	}
	t.Errorf("%s: %v, want %q", what, last, want)
}

// Why a server lets nobody in is told in words.
func TestWhyAServerLetsNobodyIn(t *testing.T) {
	s, user := guarded(t)
	good := user(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front"}})
	_, elsewhere := guarded(t)
	foreign := elsewhere(auth.User{Name: "alice", Role: auth.Viewer, Cameras: []frame.CameraID{"front"}})
	stranger := *foreign
	stranger.CA = good.CA
	refusedEntry(t, "another CA", "authority that is not known here", bus.Options{Server: s.URL(), Credentials: foreign})
	refusedEntry(t, "nobody, who does not know the CA", "authority that is not known here", bus.Options{Server: s.URL()})
	refusedEntry(t, "a plain client", "authority that is not known here", bus.Options{Server: strings.Replace(s.URL(), "tls://", "nats://", 1)})
	refusedEntry(t, "a key that is not known", "does not let this user in", bus.Options{Server: s.URL(), Credentials: &stranger})

	dir := filepath.Join(t.TempDir(), "auth")
	folder := auth.Open(dir)
	if _, err := folder.Init(auth.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	admin, err := auth.ReadCredentials(folder.Path(filepath.Join(auth.CredentialsDir, "admin.creds")))
	if err != nil {
		t.Fatal(err)
	}
	certificate, files := selfSigned(t, time.Now().Add(-time.Hour), "localhost")
	expired := startBroker(t, broker.Config{Auth: dir, TLS: files})
	admin.CA = certificate
	local := func(s *broker.Server) string { return strings.Replace(s.URL(), "127.0.0.1", "localhost", 1) }
	refusedEntry(t, "a certificate from yesterday", "has expired", bus.Options{Server: local(expired), Credentials: &admin})
	certificate, files = selfSigned(t, time.Now().Add(24*time.Hour), "broker.example.org")
	named := startBroker(t, broker.Config{Auth: dir, TLS: files})
	admin.CA = certificate
	refusedEntry(t, "a certificate for another name", "not for the name localhost", bus.Options{Server: local(named), Credentials: &admin})
	wants := startBroker(t, broker.Config{Auth: dir, TLS: broker.TLSConfig{Clients: true}})
	if admin, err = auth.ReadCredentials(folder.Path(filepath.Join(auth.CredentialsDir, "admin.creds"))); err != nil {
		t.Fatal(err)
	}
	refusedEntry(t, "without a client certificate", "wants to see a certificate", bus.Options{Server: wants.URL(), Credentials: &admin})
	plain := startBroker(t, broker.Config{})
	refusedEntry(t, "credentials at a server without users and TLS", "another server than is meant", bus.Options{Server: plain.URL(), Credentials: &admin})
}

// Who is removed while he is connected is cut off and told why; who is added again is let in again, by
// itself; who has nothing to do with it notices nothing.
func TestRevokedWhileConnected(t *testing.T) {
	_, folder, user := guardedBy(t)
	viewer := func(name string) *bus.Conn {
		t.Helper()
		return in(t, user(auth.User{Name: name, Role: auth.Viewer, Cameras: []frame.CameraID{"front"}}))
	}
	alice, bob := viewer("alice"), viewer("bob")
	users, err := os.ReadFile(folder.Path(auth.UsersFile))
	if err != nil {
		t.Fatal(err)
	}
	before := bob.NATS().Stats().Reconnects // those of the beginning
	if err := folder.Remove("alice"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !alice.NATS().IsConnected() })
	eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		refused := new(bus.EntryError)
		return errors.As(alice.WaitConnected(ctx), &refused) && strings.Contains(refused.Reason, "does not let this user in")
	})
	if err := auth.WriteFile(folder.Path(auth.UsersFile), users, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := alice.WaitConnected(context20(t)); err != nil {
		t.Errorf("allowed again: %v", err)
	}
	if stats := bob.NATS().Stats(); stats.Reconnects != before || !bob.NATS().IsConnected() {
		t.Errorf("bob was disconnected: %+v", stats)
	}
}
