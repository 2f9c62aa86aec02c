package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/frame"
	"github.com/lensbus/lensbus/viewer/web/login"
)

// authEnsureCommand makes whatever is missing and leaves the rest, so that a program which starts a
// lensbus can run it every time: the first time it makes everything.
type authEnsureCommand struct {
	changeFlags
	Host    []string `sep:"none" placeholder:"NAME" help:"Name or address by which the broker is reached, again for each. A certificate without one of them, or near its end, is made anew."`
	Server  string   `env:"LENSBUS_SERVER" placeholder:"URL" help:"The broker's URL, to write into the credentials of the first admin and of each --user, into those that are there already too. Default: tls:// and the first --host, port 4222."`
	User    []string `sep:"none" placeholder:"ROLE:NAME[:ID,…[:DURABLE]]" help:"A user of the broker, again for each; cameras and, of a recorder, --durable as for lensbus auth add. One that has other rights is made anew."`
	HandOut string   `placeholder:"DIR" help:"Put the credentials of each --user as DIR/NAME/lensbus.creds too, and the token of each --program as DIR/NAME/token."`
	People  string   `placeholder:"DIR" help:"Folder with the page's people. Default: that of the users."`
	Person  []string `sep:"none" placeholder:"NAME" help:"An operator of all cameras on the page, again for each. The password is printed when it is made, and kept nowhere."`
	Program []string `sep:"none" placeholder:"NAME" help:"A program that may read the page's numbers and watch all cameras, with a token, again for each. Needs --hand-out."`
}

func (c *authEnsureCommand) Run(s *session) error {
	users := make([]auth.User, 0, len(c.User))
	for _, text := range c.User {
		u, err := parseUser(text)
		if err != nil {
			return usage(fmt.Errorf("--user: %w", err))
		}
		users = append(users, u)
	}
	if len(c.Program) > 0 && c.HandOut == "" {
		return usage(errors.New("--program: where to put its token? --hand-out DIR"))
	}
	folder, err := c.open()
	if err != nil {
		return err
	}
	server := brokerURL(c.Server, c.Host)
	if err := c.tell(folder, c.ensureUsers(s, folder, users, server)); err != nil {
		return err
	}
	return c.ensurePeople(s, folder)
}

// ensureUsers makes sure of all that the broker reads.
func (c *authEnsureCommand) ensureUsers(s *session, folder *auth.Folder, users []auth.User, server string) error {
	if err := c.ensureFolder(s, folder, server); err != nil {
		return err
	}
	for _, u := range users {
		if err := c.ensureUser(s, folder, u, server); err != nil {
			return err
		}
	}
	return nil
}

// parseUser reads ROLE:NAME[:ID,…[:DURABLE]].
func parseUser(text string) (auth.User, error) {
	role, rest, _ := strings.Cut(text, ":")
	name, rest, _ := strings.Cut(rest, ":")
	cameras, durable, _ := strings.Cut(rest, ":")
	u := auth.User{Name: name, Role: auth.Role(role), Durable: durable}
	switch {
	case !slices.Contains(auth.Roles(), u.Role) || name == "":
		return u, fmt.Errorf("%.60q: want ROLE:NAME or ROLE:NAME:ID,…, such as publisher:hall", text)
	case u.Role == auth.Admin:
		return u, nil
	case cameras == "*", cameras == "" && (u.Role == auth.Recorder || u.Role == auth.Web):
		u.All = true
		return u, nil
	case cameras == "" && u.Role == auth.Publisher:
		cameras = name
	case cameras == "":
		return u, fmt.Errorf("%s: which cameras? %s:front,yard, or %s:* for all", name, text, text)
	}
	for id := range strings.SplitSeq(cameras, ",") {
		camera, err := frame.ParseCameraID(strings.TrimSpace(id))
		if err != nil {
			return u, fmt.Errorf("%s: %w", name, err)
		}
		u.Cameras = append(u.Cameras, camera)
	}
	return u, nil
}

// renewBefore is how long before its end a certificate is made anew.
const renewBefore = 60 * 24 * time.Hour

// ensureFolder makes sure of the CA, the broker's certificate and the first admin.
func (c *authEnsureCommand) ensureFolder(s *session, folder *auth.Folder, server string) error {
	users, err := folder.Users()
	if err != nil {
		return err
	}
	_, err = os.Lstat(folder.Path(auth.CAFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		path, err := folder.Init(auth.InitOptions{Hosts: c.Host, Server: server})
		if err != nil {
			return err
		}
		return s.say("made a CA, the broker's certificate and the admin's credentials: %s", path)
	case err != nil:
		return fmt.Errorf("CA: %w", err)
	case len(users) == 0: // it was interrupted
		if _, err := folder.Add(auth.User{Name: string(auth.Admin), Role: auth.Admin}, auth.AddOptions{Server: server}); err != nil {
			return err
		}
	default: // new credentials take the URL from the first admin's
		if at := slices.IndexFunc(users, func(u auth.User) bool { return u.Role == auth.Admin }); at >= 0 {
			if err := c.redirect(s, folder, users[at].Name, server); err != nil {
				return err
			}
		}
	}
	hosts, err := folder.Hosts()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lacks := slices.DeleteFunc(slices.Clone(c.Host), func(host string) bool { return slices.Contains(hosts, host) })
	if len(hosts) > 0 && len(lacks) == 0 && time.Until(certificateEnds(folder)) > renewBefore {
		return nil
	}
	if err := folder.Certify(append(hosts, lacks...)); err != nil {
		return err
	}
	return s.say("made a new certificate for the broker")
}

// certificateEnds is when the broker's certificate ends; the zero time where that cannot be read.
func certificateEnds(folder *auth.Folder) time.Time {
	data, err := os.ReadFile(folder.Path(auth.CertificateFile))
	if err != nil {
		return time.Time{}
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return certificate.NotAfter
}

func (c *authEnsureCommand) ensureUser(s *session, folder *auth.Folder, u auth.User, server string) error {
	users, err := folder.Users()
	if err != nil {
		return err
	}
	if u.Role == auth.Site {
		server = leafServer(server)
	}
	path := folder.CredentialsPath(u.Name)
	at := slices.IndexFunc(users, func(other auth.User) bool { return other.Name == u.Name })
	_, missing := os.Lstat(path)
	switch {
	case at >= 0 && users[at].Role == u.Role && users[at].CameraList() == u.CameraList() && users[at].Durable == u.Durable && missing == nil:
		if err := c.redirect(s, folder, u.Name, server); err != nil {
			return err
		}
		return c.handOut(s, path, u.Name)
	case at >= 0:
		if err := folder.Remove(u.Name); err != nil {
			return err
		}
	}
	if path, err = folder.Add(u, auth.AddOptions{Server: server}); err != nil {
		return err
	}
	if err := s.say("made %s %s, for the cameras %s", u.Role, u.Name, u.CameraList()); err != nil {
		return err
	}
	return c.handOut(s, path, u.Name)
}

// redirect makes the URL in credentials that are there already the one that is asked for, where one is.
func (c *authEnsureCommand) redirect(s *session, folder *auth.Folder, name, server string) error {
	if _, err := os.Lstat(folder.CredentialsPath(name)); server == "" || errors.Is(err, fs.ErrNotExist) { // taken elsewhere
		return nil
	}
	changed, err := folder.Redirect(name, server)
	if err != nil || !changed {
		return err
	}
	return s.say("the credentials of %s, with the same key, are for %s now", name, server)
}

// handOut copies credentials to where one role alone can read them.
func (c *authEnsureCommand) handOut(s *session, path, name string) error {
	if c.HandOut == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("credentials of %s: %w", name, err)
	}
	to := filepath.Join(c.HandOut, name, "lensbus.creds")
	written, err := auth.PutFile(to, data, 0o600)
	if err != nil {
		return fmt.Errorf("hand out: %w", err)
	}
	if !written {
		return nil
	}
	return s.say("handed out the credentials of %s: %s", name, to)
}

func (c *authEnsureCommand) ensurePeople(s *session, folder *auth.Folder) error {
	path := folder.Path(auth.PeopleFile)
	if c.People != "" {
		path = filepath.Join(c.People, auth.PeopleFile)
	}
	people, err := login.List(path)
	if err != nil {
		return err
	}
	known := func(name string) bool {
		return slices.ContainsFunc(people, func(p login.Person) bool { return p.Name == name })
	}
	for _, name := range c.Person {
		if known(name) {
			if err := s.say("the page knows %s; a new password with `lensbus auth page reset %s`", name, name); err != nil {
				return err
			}
			continue
		}
		password, err := login.Add(path, login.Person{Name: name, All: true, Operator: true}, false)
		if err != nil {
			return err
		}
		if err := s.say("the page's login: %s, password: %s", name, password); err != nil {
			return err
		}
	}
	for _, name := range c.Program {
		to := filepath.Join(c.HandOut, name, "token")
		if there, err := os.ReadFile(to); err == nil && known(name) {
			if _, err := auth.PutFile(to, there, 0o600); err != nil {
				return fmt.Errorf("hand out: %w", err)
			}
			continue
		}
		issue := login.Add
		if known(name) {
			issue = func(path string, p login.Person, _ bool) (string, error) { return login.Reset(path, p.Name) }
		}
		token, err := issue(path, login.Person{Name: name, All: true}, true)
		if err != nil {
			return err
		}
		if err := auth.WriteFile(to, []byte(token), 0o600); err != nil {
			return fmt.Errorf("hand out: %w", err)
		}
		if err := s.say("handed out the token of %s: %s", name, to); err != nil {
			return err
		}
	}
	return nil
}

// say prints a line of a result.
func (s *session) say(format string, args ...any) error {
	_, err := fmt.Fprintf(s.Stdout, format+"\n", args...)
	return err
}
