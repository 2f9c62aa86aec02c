package auth

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files of a [Folder].
const (
	UsersFile       = "users"
	CAFile          = "ca.crt"
	CAKeyFile       = "ca.key" // signs everything: keep it off machines that do not need it
	CertificateFile = "server.crt"
	KeyFile         = "server.key"
	CredentialsDir  = "credentials"
	PeopleFile      = "people" // of the page, which package viewer/web/login writes
)

// ErrUser is wrapped by the errors for a user that is not there, or is there already.
var ErrUser = errors.New("user")

// Folder is where one bus's users and certificates are kept. Several processes may change it: each waits
// for the one before. The broker only reads it.
type Folder struct {
	dir string
	now func() time.Time
}

// Open returns the folder at dir, which need not exist. Nothing is to be closed.
func Open(dir string) *Folder { return &Folder{dir: dir, now: time.Now} }

// Path is where one of the folder's files is.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// InitOptions say for whom a folder is made.
type InitOptions struct {
	// Hosts are the names and addresses by which the broker and the page are reached.
	// localhost, 127.0.0.1 and ::1 are always among them.
	Hosts []string
	// Server is the NATS URL to write into credentials; "": users say it themselves.
	Server string
	// Admin is the first admin's name. Default "admin".
	Admin string
}

// Init makes a CA, a server's certificate and the first admin, and returns where the admin's
// credentials are. A folder that has users or a CA already is left as it is: an error that is
// fs.ErrExist.
func (f *Folder) Init(o InitOptions) (path string, err error) {
	err = f.change(func() (err error) {
		path, err = f.initialise(o)
		return err
	})
	return path, err
}

func (f *Folder) change(do func() error) error { return Change(f.dir, do) }

func (f *Folder) initialise(o InitOptions) (string, error) {
	for _, name := range []string{CAFile, CAKeyFile, UsersFile} {
		if _, err := os.Lstat(f.Path(name)); err == nil {
			return "", fmt.Errorf("%s: %w: to begin anew, move the folder away", f.Path(name), fs.ErrExist)
		}
	}
	if err := makeFolder(f.Path(CredentialsDir)); err != nil {
		return "", fmt.Errorf("make a folder for users: %w", err)
	}
	ca, caKey, err := newAuthority(f.now())
	if err != nil {
		return "", err
	}
	if err := errors.Join(f.write(CAKeyFile, caKey, 0o600), f.write(CAFile, ca, 0o644)); err != nil {
		return "", err
	}
	if err := f.certify(o.Hosts); err != nil {
		return "", err
	}
	if o.Admin == "" {
		o.Admin = string(Admin)
	}
	return f.add(User{Name: o.Admin, Role: Admin}, AddOptions{Server: o.Server})
}

// Certify makes a new certificate for the server, by the CA of the folder.
func (f *Folder) Certify(hosts []string) error {
	return f.change(func() error { return f.certify(hosts) })
}

func (f *Folder) certify(hosts []string) error {
	for _, local := range []string{"localhost", "127.0.0.1", "::1"} {
		if !slices.Contains(hosts, local) {
			hosts = append(slices.Clip(hosts), local)
		}
	}
	authority, err := f.authority()
	if err != nil {
		return err
	}
	certificate, key, err := authority.server(f.now(), hosts)
	if err != nil {
		return err
	}
	return errors.Join(f.write(KeyFile, key, 0o600), f.write(CertificateFile, certificate, 0o644))
}

// Hosts are the names and addresses that the server's certificate is for.
func (f *Folder) Hosts() ([]string, error) {
	data, err := os.ReadFile(f.Path(CertificateFile))
	if err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("certificate of the server: no certificate in %s", f.Path(CertificateFile))
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	hosts := slices.Clone(certificate.DNSNames)
	for _, ip := range certificate.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts, nil
}

func (f *Folder) authority() (*authority, error) {
	certificate, err := os.ReadFile(f.Path(CAFile))
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	key, err := os.ReadFile(f.Path(CAKeyFile))
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	return readAuthority(certificate, key)
}

// Users returns the folder's users, in the file's order. No file is no user.
func (f *Folder) Users() ([]User, error) {
	users, err := ReadUsers(f.Path(UsersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return users, err
}

// AddOptions say what goes into a user's credentials besides the key.
type AddOptions struct {
	Server string // NATS URL; "": none
	// Certificate makes one for the user too, for a broker that asks for them.
	Certificate bool
}

// Add makes a user: its line in the users file and its credentials, whose path it returns. u.Key is
// made here. A name that is taken is an error that wraps [ErrUser].
func (f *Folder) Add(u User, o AddOptions) (path string, err error) {
	err = f.change(func() (err error) {
		path, err = f.add(u, o)
		return err
	})
	return path, err
}

func (f *Folder) add(u User, o AddOptions) (string, error) {
	users, err := f.Users()
	if err != nil {
		return "", err
	}
	if find(users, u.Name) >= 0 {
		return "", fmt.Errorf("%w %s is there already: `lensbus auth rotate %s` makes a new key, `lensbus auth rm %s` removes it", ErrUser, u.Name, u.Name, u.Name)
	}
	return f.issue(users, len(users), u, o)
}

// Rotate gives a user a new key; what was handed over before is refused once the broker has read
// the users file again. Where the old credentials are still in the folder, the new ones have a
// certificate if those have, and their server unless o has one. It returns where the new ones are.
func (f *Folder) Rotate(name string, o AddOptions) (path string, err error) {
	err = f.change(func() (err error) {
		path, err = f.rotate(name, o)
		return err
	})
	return path, err
}

func (f *Folder) rotate(name string, o AddOptions) (string, error) {
	users, err := f.Users()
	if err != nil {
		return "", err
	}
	at := find(users, name)
	if at < 0 {
		return "", fmt.Errorf("no %w %.40s", ErrUser, name)
	}
	if old, err := ReadCredentials(f.Path(f.credentialsName(name))); err == nil {
		o.Server = cmp.Or(o.Server, old.Server)
		o.Certificate = o.Certificate || old.Certificate != nil
	}
	return f.issue(users, at, users[at], o)
}

// issue makes credentials for u and puts it at its place among the users. The credentials are
// written first: a user whose key nobody has would be of no use.
func (f *Folder) issue(users []User, at int, u User, o AddOptions) (string, error) {
	credentials, public, err := NewCredentials(u)
	if err != nil {
		return "", err
	}
	u.Key, credentials.Server = public, o.Server
	if err := errors.Join(u.Validate(), checkServer(o.Server)); err != nil {
		return "", err
	}
	if ca, err := os.ReadFile(f.Path(CAFile)); err == nil {
		credentials.CA = ca
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("CA: %w", err)
	}
	if o.Certificate {
		authority, err := f.authority()
		if err != nil {
			return "", err
		}
		if credentials.Certificate, credentials.CertificateKey, err = authority.client(f.now(), u.Name); err != nil {
			return "", err
		}
	}
	name := f.credentialsName(u.Name)
	if err := f.write(name, credentials.Encode(), 0o600); err != nil {
		return "", err
	}
	users = slices.Concat(users[:at], []User{u}, users[min(at+1, len(users)):])
	return f.Path(name), f.write(UsersFile, EncodeUsers(users), 0o644)
}

// Remove takes the user away, and the credentials where they are still in the folder.
func (f *Folder) Remove(name string) error {
	return f.change(func() error { return f.remove(name) })
}

func (f *Folder) remove(name string) error {
	users, err := f.Users()
	if err != nil {
		return err
	}
	at := find(users, name)
	if at < 0 {
		return fmt.Errorf("no %w %.40s", ErrUser, name)
	}
	if err := f.write(UsersFile, EncodeUsers(slices.Delete(slices.Clone(users), at, at+1)), 0o644); err != nil {
		return err
	}
	if err := os.Remove(f.Path(f.credentialsName(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove credentials: %w", err)
	}
	return nil
}

// checkServer refuses what is no URL, or several with commas between, for a credentials file.
func checkServer(server string) error {
	for one := range strings.SplitSeq(server, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		switch {
		case err != nil || strings.ContainsAny(one, "\r\n"):
			return errors.New("the server is no URL") // not its text: there may be a password in it
		case u.User != nil:
			return errors.New("the server's URL has a user in it: credentials are that already")
		}
	}
	return nil
}

// CredentialsPath is where a user's credentials are made. They need not be there any more.
func (f *Folder) CredentialsPath(user string) string { return f.Path(f.credentialsName(user)) }

func (f *Folder) credentialsName(user string) string {
	return filepath.Join(CredentialsDir, user+".creds")
}

func (f *Folder) write(name string, data []byte, mode os.FileMode) error {
	return WriteFile(f.Path(name), data, mode)
}
