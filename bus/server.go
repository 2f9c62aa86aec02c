package bus

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
)

// dialer decides once which server is meant and returns what opens a connection to it. The order:
// in-process, Server, Context, NATS_URL, NATS_CONTEXT, the selected NATS context, the default URL.
// With an URL, the credentials of the NATS_* variables go along; a context brings its own.
func (o Options) dialer() (func(purpose string, more ...nats.Option) (*nats.Conn, error), error) {
	identity, err := o.identity()
	if err != nil {
		return nil, err
	}
	options := func(purpose string, more []nats.Option) []nats.Option {
		all := slices.Concat(baseOptions(o.Name+" "+purpose, o.Log), identity, o.NATS)
		if o.InProcess == nil {
			all = append(all, (&attempts{quit: o.Quit}).option)
		}
		return append(all, more...)
	}
	if o.InProcess != nil {
		return func(purpose string, more ...nats.Option) (*nats.Conn, error) {
			return nats.Connect("", append(options(purpose, more), nats.InProcessServer(o.InProcess))...)
		}, nil
	}

	server, context := o.Server, o.Context
	if server == "" && o.Credentials != nil {
		server = cmp.Or(o.Credentials.Server, os.Getenv("NATS_URL"), nats.DefaultURL)
	}
	if server != "" && context != "" {
		return nil, errors.New("give a server URL or a NATS context, not both")
	}
	if server == "" && context == "" {
		server, context = os.Getenv("NATS_URL"), os.Getenv("NATS_CONTEXT")
		if server != "" {
			context = ""
		}
	}
	if server == "" && (context != "" || hasHome()) {
		return func(purpose string, more ...nats.Option) (*nats.Conn, error) {
			nc, _, err := natscontext.Connect(context, options(purpose, more)...)
			if err != nil {
				return nil, fmt.Errorf("NATS context %q: %w", context, err)
			}
			return nc, nil
		}, nil
	}
	if server == "" {
		server = nats.DefaultURL
	}
	if err := checkURLs(server); err != nil {
		return nil, err
	}
	if o.Credentials != nil {
		if strings.Contains(server, "@") {
			return nil, errors.New("the server's URL has a user in it, and there are credentials: give one of them")
		}
		return func(purpose string, more ...nats.Option) (*nats.Conn, error) {
			return nats.Connect(server, options(purpose, more)...)
		}, nil
	}
	credentials, err := environmentOptions()
	if err != nil {
		return nil, err
	}
	return func(purpose string, more ...nats.Option) (*nats.Conn, error) {
		return nats.Connect(server, append(options(purpose, more), credentials...)...)
	}, nil
}

// hasHome is false in a bare container, where natscontext would fail for want of a home folder.
func hasHome() bool {
	_, err := os.UserConfigDir()
	return err == nil
}

// checkURLs finds what nats.Connect would only find later, and never shows an URL, which may hold
// a password.
func checkURLs(servers string) error {
	for i, s := range strings.Split(servers, ",") {
		s = strings.TrimSpace(s)
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || !isPort(u.Port()) || strings.Count(u.Host, ":") > 1 && u.Host[0] != '[' {
			return fmt.Errorf("NATS server URL %d is not one: want nats://HOST:PORT, tls://HOST:PORT or ws(s)://HOST:PORT", i+1)
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("NATS server URL %d has the scheme %q: want nats, tls, ws or wss", i+1, u.Scheme)
		}
	}
	return nil
}

// isPort says whether port is one, or none is said.
func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// environmentOptions reads the variables that NATS's own tools read.
func environmentOptions() ([]nats.Option, error) {
	var opts []nats.Option
	user, password := os.Getenv("NATS_USER"), os.Getenv("NATS_PASSWORD")
	switch {
	case user != "" && password != "":
		opts = append(opts, nats.UserInfo(user, password))
	case user != "": // as the nats command line has it: a user alone is a token
		opts = append(opts, nats.Token(user))
	}
	if file := os.Getenv("NATS_CREDS"); file != "" {
		opts = append(opts, nats.UserCredentials(file))
	}
	if file := os.Getenv("NATS_NKEY"); file != "" {
		option, err := nats.NkeyOptionFromSeed(file)
		if err != nil {
			return nil, fmt.Errorf("NATS_NKEY: read the seed file %s: %w", file, err)
		}
		opts = append(opts, option)
	}
	cert, key := os.Getenv("NATS_CERT"), os.Getenv("NATS_KEY")
	switch {
	case cert != "" && key != "":
		opts = append(opts, nats.ClientCert(cert, key))
	case cert != "" || key != "":
		return nil, errors.New("NATS_CERT and NATS_KEY go together: give both files or none")
	}
	if file := os.Getenv("NATS_CA"); file != "" {
		opts = append(opts, nats.RootCAs(file))
	}
	if text := os.Getenv("NATS_TIMEOUT"); text != "" {
		timeout, err := time.ParseDuration(text)
		if err != nil || timeout <= 0 {
			return nil, fmt.Errorf("NATS_TIMEOUT %q: want a duration such as 5s", text)
		}
		opts = append(opts, nats.Timeout(timeout))
	}
	return opts, nil
}
