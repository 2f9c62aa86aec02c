package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lensbus/lensbus/auth"
	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/frame"
)

// authCommand is `lensbus auth …`: the users of a broker of one's own.
type authCommand struct {
	Init    authInitCommand    `cmd:"" help:"Make a CA, the broker's certificate and the first admin."`
	Ensure  authEnsureCommand  `cmd:"" help:"Make what is missing of a folder, users and people: for what starts a lensbus."`
	Add     authAddCommand     `cmd:"" help:"Make a user and the credentials file to hand over."`
	Rm      authRmCommand      `cmd:"" help:"Remove a user: the broker cuts it off."`
	List    authListCommand    `cmd:"" help:"List the users."`
	Rotate  authRotateCommand  `cmd:"" help:"Give a user a new key, or the broker a new certificate."`
	Export  authExportCommand  `cmd:"" help:"Print the users' rights for a NATS server of one's own."`
	Page    authPageCommand    `cmd:"" help:"The people and programs that may use a page."`
	SealKey authSealKeyCommand `cmd:"" name:"seal-key" help:"Make a key for sealed pictures: the file is secret, the public key that is printed goes to publishers."`
	Explain authExplainCommand `cmd:"" help:"Say what a role may do."`
}

// authFlags say where the users are.
type authFlags struct {
	Dir string `env:"LENSBUS_AUTH" placeholder:"DIR" help:"Folder with the users and certificates. Default: lensbus/auth in the user's configuration folder."`
}

func (a authFlags) open() (*auth.Folder, error) {
	dir := a.Dir
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, usage(errors.New("there is no home folder to keep users in: say where with --dir"))
		}
		dir = filepath.Join(config, "lensbus", "auth")
	}
	return auth.Open(dir), nil
}

// changeFlags are for who changes the users: a broker elsewhere has to know.
type changeFlags struct {
	authFlags
	Broker string `env:"LENSBUS_AUTH_BROKER" placeholder:"DIR" help:"Put what a broker reads into this folder too, for its --auth: users and certificates, and neither the CA's key nor credentials. Default: nowhere; the broker reads the folder itself."`
}

// tell hands out to the broker, also after what failed: it may be behind from before.
func (c changeFlags) tell(folder *auth.Folder, failed error) error {
	if c.Broker == "" {
		return failed
	}
	return errors.Join(failed, folder.HandOut(c.Broker))
}

type authInitCommand struct {
	changeFlags
	Host   []string `sep:"none" placeholder:"NAME" help:"Name or address by which the broker is reached, again for each; this machine's own name and loopback are always among them."`
	Server string   `env:"LENSBUS_SERVER" placeholder:"URL" help:"The broker's URL, to write into every credentials file. Default: tls:// and the first --host, port 4222."`
	Admin  string   `default:"admin" placeholder:"NAME" help:"Name of the first admin. Default admin."`
}

func (c *authInitCommand) Run(s *session) error {
	folder, err := c.open()
	if err != nil {
		return err
	}
	hosts := slices.Clone(c.Host)
	if name, err := os.Hostname(); err == nil && name != "" && !slices.Contains(hosts, name) {
		hosts = append(hosts, name)
	}
	path, err := folder.Init(auth.InitOptions{Hosts: hosts, Server: brokerURL(c.Server, c.Host), Admin: c.Admin})
	if errors.Is(err, auth.ErrName) {
		return usage(err)
	}
	if err = c.tell(folder, err); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Stdout, "admin's credentials: %s\nstart the broker with: lensbus broker --auth %s\n", path, folder.Path(""))
	return err
}

// brokerURL is the URL that was given, else that of a broker with a certificate at the first of the hosts; ""
// without any.
func brokerURL(given string, hosts []string) string {
	if given == "" && len(hosts) > 0 {
		return "tls://" + hosts[0] + ":4222"
	}
	return given
}

// issueFlags say what goes into credentials.
type issueFlags struct {
	Server      string `env:"LENSBUS_SERVER" placeholder:"URL" help:"The broker's URL, to write into the credentials. Default: what the first admin's say."`
	Certificate bool   `help:"Make a client certificate too, for a broker with tls.clients."`
}

func (i issueFlags) options(folder *auth.Folder) auth.AddOptions {
	o := auth.AddOptions{Server: i.Server, Certificate: i.Certificate}
	if o.Server != "" {
		return o
	}
	users, err := folder.Users()
	if err != nil {
		return o // Add will say it
	}
	for _, u := range users {
		if u.Role != auth.Admin {
			continue
		}
		if c, err := auth.ReadCredentials(folder.CredentialsPath(u.Name)); err == nil {
			o.Server = c.Server
			return o
		}
	}
	return o
}

type authAddCommand struct {
	changeFlags
	issueFlags
	Role    string `arg:"" enum:"admin,publisher,viewer,operator,recorder,web,site" help:"admin, publisher, viewer, operator (a viewer that may change settings), recorder, web or site (a broker that connects as a leaf node)."`
	Name    string `arg:"" help:"The user's name. A publisher's is its camera's, unless --cameras says otherwise."`
	Cameras string `placeholder:"ID,…" help:"For which cameras, with commas between; '*' for all. Default: a publisher's own name, all for recorder and web. A site's are named."`
	Durable string `placeholder:"NAME" help:"Name of a recorder's consumer, which its rights are for: each of several recorders of one camera needs its own. Default rec."`
}

func (c *authAddCommand) Run(s *session) error {
	u := auth.User{Name: c.Name, Role: auth.Role(c.Role), Durable: c.Durable}
	if u.Durable != "" && (!frame.ValidName(u.Durable) || u.Role != auth.Recorder) {
		return usage(errors.New("--durable is for a recorder: 1 to 32 of a-z, 0-9, '_' and '-', starting with a letter or digit"))
	}
	cameras := c.Cameras
	if u.Role == auth.Site && (cameras == "" || cameras == "*") {
		return usage(fmt.Errorf("which cameras are those of the site %s? --cameras front,yard: only it may publish them", c.Name))
	}
	if cameras == "" {
		switch u.Role {
		case auth.Publisher:
			cameras = c.Name
		case auth.Recorder, auth.Web:
			cameras = "*"
		case auth.Viewer, auth.Operator:
			return usage(fmt.Errorf("which cameras may %s see? --cameras front,yard, or --cameras '*' for all", c.Name))
		}
	}
	if cameras != "" {
		if u.Role == auth.Admin {
			return usage(errors.New("an admin has all cameras: leave --cameras away, or take another role"))
		}
		var err error
		if u.Cameras, u.All, err = cameraList(cameras); err != nil {
			return usage(err)
		}
	}
	folder, err := c.open()
	if err != nil {
		return err
	}
	options := c.options(folder)
	if u.Role == auth.Site && c.Server == "" {
		options.Server = leafServer(options.Server)
	}
	path, err := folder.Add(u, options)
	if errors.Is(err, auth.ErrName) {
		return usage(err)
	}
	if err = c.tell(folder, err); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Stdout, path)
	return err
}

// leafServer is where the broker at the URL, or each of several with commas between, listens for leaf nodes,
// if it is at NATS's own port for that. "" where that cannot be told.
func leafServer(servers string) string {
	var leafs []string
	for server := range strings.SplitSeq(servers, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		if err != nil || u.Hostname() == "" {
			return ""
		}
		leafs = append(leafs, "tls://"+net.JoinHostPort(u.Hostname(), broker.LeafPort))
	}
	return strings.Join(leafs, ",")
}

// cameraList reads --cameras: ids with commas between, or * for all.
func cameraList(text string) (ids []frame.CameraID, all bool, err error) {
	if text == "*" {
		return nil, true, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		id, err := frame.ParseCameraID(strings.TrimSpace(word))
		if err != nil {
			return nil, false, fmt.Errorf("--cameras: %w", err)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, false, nil
}

type authRmCommand struct {
	changeFlags
	Name string `arg:"" help:"The user."`
}

func (c *authRmCommand) Run(*session) error {
	folder, err := c.open()
	if err != nil {
		return err
	}
	return c.tell(folder, folder.Remove(c.Name))
}

type authRotateCommand struct {
	changeFlags
	Server      string   `env:"LENSBUS_SERVER" placeholder:"URL" help:"The broker's URL, to write into the credentials. Default: what the old ones say."`
	Certificate bool     `help:"Make a client certificate too. Default: where the old credentials have one."`
	Name        string   `arg:"" optional:"" help:"The user. Without one, the broker's certificate is made anew."`
	Host        []string `sep:"none" placeholder:"NAME" help:"For the broker's certificate: name or address by which it is reached, again for each."`
}

func (c *authRotateCommand) Run(s *session) error {
	folder, err := c.open()
	if err != nil {
		return err
	}
	if c.Name == "" {
		hosts := slices.Clone(c.Host)
		if len(hosts) == 0 {
			if hosts, err = folder.Hosts(); err != nil {
				return err
			}
		}
		return c.tell(folder, folder.Certify(hosts))
	}
	path, err := folder.Rotate(c.Name, auth.AddOptions{Server: c.Server, Certificate: c.Certificate})
	if err = c.tell(folder, err); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Stdout, path)
	return err
}

type authListCommand struct {
	authFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// listedUser is a user in --json.
type listedUser struct {
	Name    string           `json:"name"`
	Role    auth.Role        `json:"role"`
	Cameras []frame.CameraID `json:"cameras"`
	All     bool             `json:"all_cameras"`
	Key     string           `json:"key"`
	Durable string           `json:"durable,omitempty"` // of a recorder
}

func (c *authListCommand) Run(s *session) error {
	folder, err := c.open()
	if err != nil {
		return err
	}
	users, err := folder.Users()
	if err != nil {
		return err
	}
	if c.JSON {
		listed := make([]listedUser, len(users))
		for i, u := range users {
			listed[i] = listedUser{u.Name, u.Role, append([]frame.CameraID{}, u.Cameras...), u.All || u.Role == auth.Admin, u.Key, durableOf(u)}
		}
		return json.NewEncoder(s.Stdout).Encode(listed)
	}
	if len(users) == 0 {
		return fmt.Errorf("no users in %s: `lensbus auth init` makes the first: %w", folder.Path(""), fs.ErrNotExist)
	}
	table := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tROLE\tCAMERAS\tCONSUMER\tKEY") // Flush says what went wrong
	for _, u := range users {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Role, u.CameraList(), cmp.Or(durableOf(u), "-"), u.Key)
	}
	return table.Flush()
}

// durableOf is the name of a recorder's consumer, "" for other roles.
func durableOf(u auth.User) string {
	if u.Role != auth.Recorder {
		return ""
	}
	return u.DurableName()
}

type authExplainCommand struct {
	Role    string `arg:"" enum:"admin,publisher,viewer,operator,recorder,web,site" help:"The role."`
	Cameras string `placeholder:"ID,…" help:"For which cameras. Default ID, as a word that stands for one."`
	Durable string `placeholder:"NAME" help:"Name of a recorder's consumer. Default rec."`
}

func (c *authExplainCommand) Run(s *session) error {
	u := auth.User{Name: "NAME", Role: auth.Role(c.Role), Durable: c.Durable}
	if u.Cameras = []frame.CameraID{"ID"}; c.Cameras != "" {
		var err error
		if u.Cameras, u.All, err = cameraList(c.Cameras); err != nil {
			return usage(err)
		}
	}
	rights := u.Rights()
	_, err := fmt.Fprintf(s.Stdout, "may publish\n  %s\nmay subscribe to\n  %s\n", strings.Join(rights.Publish, "\n  "), strings.Join(rights.Subscribe, "\n  "))
	return err
}
