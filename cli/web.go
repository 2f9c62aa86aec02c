package cli

import (
	"context"
	"fmt"
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/recorder"
	"github.com/lensbus/lensbus/viewer/web"
)

type webCommand struct {
	fileFlag
	Listen string `env:"LENSBUS_WEB_LISTEN" placeholder:"HOST:PORT" help:"Where browsers connect. Default 127.0.0.1:8080; port 0 takes a free one. The page's address is printed."`
	serverFlags
	keyFlag
	Auth     string `env:"LENSBUS_AUTH" placeholder:"DIR" help:"Folder of lensbus auth: the people that the page lets in, and its certificate. Default: nobody is asked."`
	Insecure bool   `env:"LENSBUS_INSECURE" help:"Listen for other machines although there is no authentication: everybody who reaches the port can watch every camera."`
}

func (c *webCommand) Run(ctx context.Context, s *session) error {
	f := file{Web: web.Config{Insecure: c.Insecure, Auth: c.Auth}}
	if err := c.load(&f); err != nil {
		return err
	}
	applyWeb(c.Listen, c.Auth, c.Insecure, &f.Web)
	if err := f.Web.Validate(); err != nil {
		return usage(err)
	}
	sealed, err := c.sealing(f)
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx, c.serverFlags, f, sealed.connecting)
	if err != nil {
		return err
	}
	return s.use(conn, func() error { return s.life.run(ctx, s.page(conn, f, nil, conn.Metrics())) })
}

func applyWeb(listen, auth string, insecure bool, c *web.Config) {
	if listen != "" {
		c.Listen = listen
	}
	if auth != "" {
		c.Auth = auth
	}
	c.Insecure = c.Insecure || insecure
}

// page is the role that serves the page, and the numbers of the process with it. It prints the address
// once that answers. ready says why other parts of the process cannot do their work; nil: there are none.
func (s *session) page(conn *bus.Conn, f file, ready func() error, all ...prometheus.Collector) role {
	return role{"page", func(ctx context.Context) error {
		registry, err := s.registry(all...)
		if err != nil {
			return err
		}
		return web.Run(ctx, f.Web, web.Deps{Bus: conn, Log: s.log, Metrics: registry, Ready: ready, Export: recorder.Export}, func(addr string) {
			_, _ = fmt.Fprintln(s.Stdout, pageURL(addr, f.Web.OrDefaults().TLS.Certificate != "")) // the page is served whether or not anybody reads this
		})
	}}
}

// pageURL is what to type into a browser on this machine.
func pageURL(addr string, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return scheme + addr + "/"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port) + "/"
}
