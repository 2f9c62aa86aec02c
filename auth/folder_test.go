package auth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nkeys"

	"github.com/lensbus/lensbus/frame"
)

func initFolder(t *testing.T) (*Folder, Credentials) {
	t.Helper()
	f := Open(filepath.Join(t.TempDir(), "auth"))
	path, err := f.Init(InitOptions{Hosts: []string{"broker.example.org", "192.0.2.7"}, Server: "tls://broker.example.org:4222"})
	if err != nil {
		t.Fatal(err)
	}
	admin, err := ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	return f, admin
}

func TestInit(t *testing.T) {
	f, admin := initFolder(t)
	if admin.Name != "admin" || admin.Role != Admin || admin.Server != "tls://broker.example.org:4222" {
		t.Errorf("%+v", admin)
	}
	for name, mode := range map[string]os.FileMode{
		CAKeyFile: 0o600, KeyFile: 0o600, filepath.Join(CredentialsDir, "admin.creds"): 0o600,
		CAFile: 0o644, CertificateFile: 0o644, UsersFile: 0o644,
	} {
		if info, err := os.Stat(f.Path(name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want %v", name, info, err, mode)
		}
	}
	users, err := os.ReadFile(f.Path(UsersFile))
	if err != nil || strings.Contains(string(users), string(admin.seed)) {
		t.Errorf("a seed in the broker's file: %s, %v", users, err)
	}
	before, err := os.ReadFile(f.Path(CAFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Init(InitOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second init: %v", err)
	}
	if after, err := os.ReadFile(f.Path(CAFile)); err != nil || string(after) != string(before) {
		t.Errorf("the second init changed the CA: %v", err)
	}
}

// A real handshake: what the folder issues is what a client of its credentials accepts, by the names it
// was made for and no others.
func TestCertificates(t *testing.T) {
	f, admin := initFolder(t)
	pair, err := tls.LoadX509KeyPair(f.Path(CertificateFile), f.Path(KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(f.Path(CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	path, err := f.Add(User{Name: "front", Role: Publisher, Cameras: []frame.CameraID{"front"}}, AddOptions{Certificate: true})
	if err != nil {
		t.Fatal(err)
	}
	publisher, err := ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := initFolder(t)
	foreign, err := ReadCredentials(other.Path(filepath.Join(CredentialsDir, "admin.creds")))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			server := conn.(*tls.Conn)
			who := ""
			if err := server.Handshake(); err == nil && len(server.ConnectionState().PeerCertificates) > 0 {
				who = server.ConnectionState().PeerCertificates[0].Subject.CommonName
			}
			shown <- who
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	for _, test := range []struct {
		who    Credentials
		name   string
		accept bool
		shows  string
	}{
		{admin, "localhost", true, ""},
		{admin, "broker.example.org", true, ""},
		{admin, "192.0.2.7", true, ""},
		{admin, "evil.example.org", false, ""},
		{foreign, "localhost", false, ""},
		{publisher, "localhost", true, "front"},
	} {
		config, err := test.who.TLS()
		if err != nil {
			t.Fatal(err)
		}
		config.ServerName = test.name
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", listener.Addr().String(), config)
		if err == nil {
			_ = conn.Close()
		}
		if who := <-shown; (err == nil) != test.accept || who != test.shows {
			t.Errorf("%s as %s: %v, the server sees %q; want accepted %v and %q", test.who, test.name, err, who, test.accept, test.shows)
		}
	}
}

func TestUsersComeAndGo(t *testing.T) {
	f, _ := initFolder(t)
	path, err := f.Add(User{Name: "alice", Role: Viewer, Cameras: []frame.CameraID{"front", "yard"}}, AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Add(User{Name: "alice", Role: Admin}, AddOptions{}); !errors.Is(err, ErrUser) {
		t.Errorf("a second alice: %v", err)
	}
	first, err := ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	if path, err = f.Rotate("alice", AddOptions{}); err != nil {
		t.Fatal(err)
	}
	second, err := ReadCredentials(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.seed) == string(second.seed) {
		t.Error("rotate gives the same key")
	}
	users, err := f.Users()
	if err != nil {
		t.Fatal(err)
	}
	key, err := second.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	want := User{Name: "alice", Role: Viewer, Key: key, Cameras: []frame.CameraID{"front", "yard"}}
	if len(users) != 2 || cmp.Diff(users[1], want) != "" {
		t.Errorf("%+v, want the admin and %+v", users, want)
	}
	for _, name := range []string{"../x", "a.b", "*", "", "Alice", "a b", strings.Repeat("a", 33), "a\nadmin"} {
		if _, err := f.Add(User{Name: name, Role: Admin}, AddOptions{}); !errors.Is(err, ErrName) {
			t.Errorf("a user called %q: %v", name, err)
		}
	}
	for _, u := range []User{
		{Name: "bob", Role: "king", All: true},
		{Name: "bob", Role: Viewer},
		{Name: "bob", Role: Viewer, Cameras: []frame.CameraID{"a.b"}},
		{Name: "bob", Role: Viewer, Cameras: []frame.CameraID{"front"}, All: true},
	} {
		if _, err := f.Add(u, AddOptions{}); err == nil {
			t.Errorf("%+v is a user", u)
		}
	}
	if err := f.Remove("alice"); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove("alice"); !errors.Is(err, ErrUser) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the credentials are still there: %v", err)
	}
	if users, err := f.Users(); err != nil || len(users) != 1 {
		t.Errorf("%v, %v", users, err)
	}
}

func TestCredentialsAreTheirOwners(t *testing.T) {
	f, admin := initFolder(t)
	path := f.Path(filepath.Join(CredentialsDir, "admin.creds"))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// NATS's own tools read it too.
	pair, err := nkeys.ParseDecoratedNKey(data)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := pair.PublicKey()
	if ours, err2 := admin.PublicKey(); err != nil || err2 != nil || ours != theirs {
		t.Errorf("%s and %s: %v, %v", ours, theirs, err, err2)
	}
	for _, text := range []string{fmt.Sprint(admin), fmt.Sprintf("%+v %#v %s", admin, admin, admin)} {
		if strings.Contains(text, string(admin.seed)) || strings.Contains(text, "BEGIN") {
			t.Errorf("a secret in %q", text)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredentials(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others read: %v", err)
	}
	if err := os.Chmod(f.Path(UsersFile), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Users(); err == nil || !strings.Contains(err.Error(), "chmod 644") {
		t.Errorf("a file that others write: %v", err)
	}
}

// What systemd or a container engine hands over has modes of its own, and is taken from nowhere else with them.
func TestSecretsOfServices(t *testing.T) {
	f, admin := initFolder(t)
	data, err := os.ReadFile(f.Path(filepath.Join(CredentialsDir, "admin.creds")))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, folder := range []string{"lensbus.service", "lensbus.service-other"} {
		path := filepath.Join(dir, folder, "lensbus.creds")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o440); err != nil { // systemd's mode
			t.Fatal(err)
		}
	}
	handed, beside := filepath.Join(dir, "lensbus.service", "lensbus.creds"), filepath.Join(dir, "lensbus.service-other", "lensbus.creds")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := ReadCredentials(handed); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others read, of no service: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(handed))
	if c, err := ReadCredentials(handed); err != nil || c.Name != admin.Name {
		t.Errorf("a service's own: %v, %v", c, err)
	}
	for _, path := range []string{beside, filepath.Dir(handed) + "/../lensbus.service-other/lensbus.creds"} {
		if _, err := ReadCredentials(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]bool{
		"/run/secrets/front.creds": true, "/run/secrets/lensbus/front.creds": true,
		"/run/secrets": false, "/run/secrets-of-others/front.creds": false, "/run/secrets/../front.creds": false, "run/secrets/front.creds": false,
	} {
		if got := SecretsMount(path); got != want {
			t.Errorf("%s is a secrets' mount: %v", path, got)
		}
	}
}

func FuzzParseCredentials(f *testing.F) {
	c, _, err := NewCredentials(User{Name: "front", Role: Publisher, Cameras: []frame.CameraID{"front"}})
	if err != nil {
		f.Fatal(err)
	}
	c.Server = "nats://127.0.0.1:4222"
	f.Add(c.Encode())
	f.Add([]byte("name: x\n" + seedBegins + "\nSUA\n" + seedEnds))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCredentials(data)
		if err != nil {
			if !errors.Is(err, ErrCredentials) {
				t.Errorf("%v is no ErrCredentials", err)
			}
			return
		}
		again, err := ParseCredentials(c.Encode())
		if err != nil || cmp.Diff(again, c, cmp.AllowUnexported(Credentials{})) != "" {
			t.Errorf("not the same again: %v", err)
		}
	})
}

func FuzzParseUsers(f *testing.F) {
	_, key, err := NewCredentials(User{Name: "front"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("front publisher " + key + " front,yard\n# people\n\nall viewer " + key + " *\n"))
	f.Add([]byte("a b c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		users, err := ParseUsers(data)
		if err != nil {
			return
		}
		again, err := ParseUsers(EncodeUsers(users))
		if err != nil || cmp.Diff(again, users) != "" {
			t.Errorf("not the same again: %v", err)
		}
	})
}

// Users that are added at the same time by several commands are all there.
func TestAddAtTheSameTime(t *testing.T) {
	f, _ := initFolder(t)
	var adding sync.WaitGroup
	for i := range 20 {
		adding.Go(func() {
			other := Open(f.Path("")) // another command's
			if _, err := other.Add(User{Name: fmt.Sprint("u", i), Role: Web, All: true}, AddOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	adding.Wait()
	users, err := f.Users()
	if err != nil || len(users) != 21 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	for _, u := range users {
		c, err := ReadCredentials(f.Path(f.credentialsName(u.Name)))
		if err != nil {
			t.Fatal(err)
		}
		if key, err := c.PublicKey(); err != nil || key != u.Key {
			t.Errorf("%s: the credentials have key %s, the broker %s, %v", u.Name, key, u.Key, err)
		}
	}
}

func TestWhereAFolderWrites(t *testing.T) {
	f, _ := initFolder(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, f.Path(f.credentialsName("eve"))); err != nil {
		t.Fatal(err)
	}
	path, err := f.Add(User{Name: "eve", Role: Web, All: true}, AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(elsewhere); err != nil || string(data) != "mine" {
		t.Errorf("a link was followed: %q, %v", data, err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, server := range []string{"tls://user:planted@broker:4222", "tls://broker:4222\nname: admin", "tls://%zz:planted@x"} {
		if _, err := f.Add(User{Name: "bob", Role: Web, All: true}, AddOptions{Server: server}); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%q: %v", server, err)
		}
	}
}
