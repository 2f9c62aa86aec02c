// Package operate is for those who look after a lensbus: /metrics, /healthz and /readyz over HTTP, for
// processes that serve nothing else over HTTP (the page has the same paths itself).
//
// What the numbers are and when a role is ready is the roles' own affair; this package knows none of
// them. Nothing here is for people who watch cameras.
package operate

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lensbus/lensbus/config/hostport"
)

// ErrInsecure is wrapped by the error that refuses numbers that everybody on the network could read.
var ErrInsecure = errors.New("no authentication")

// Config is the section metrics of the configuration file. The zero Config serves nothing.
type Config struct {
	// Listen is HOST:PORT. Port 0 takes a free one, which Run tells. A host that is not loopback needs
	// TokenFile and TLS, or Insecure. Default "": nothing is served.
	Listen string `yaml:"listen"`
	// Insecure allows a Listen that other machines reach although there is no authentication, or no
	// encryption: everybody who reaches the port can read which cameras there are and how they are.
	// Default false.
	Insecure bool `yaml:"insecure"`
	// TokenFile has the bearer token without which there are no numbers; it is read again for each
	// request, so that it can be replaced. Default "": nobody is asked.
	TokenFile string `yaml:"token_file"`
	// TLS is the certificate by which whoever asks knows the process. Default none.
	TLS TLSConfig `yaml:"tls"`
}

// TLSConfig are files, PEM; read again when they change.
type TLSConfig struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Validate returns what is wrong; the error starts with the field's name in the file.
func (c Config) Validate() error {
	if c.Listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		return fmt.Errorf("listen: %q is not HOST:PORT, such as 127.0.0.1:9464", c.Listen)
	case (c.TLS.Certificate == "") != (c.TLS.Key == ""):
		return errors.New("tls: certificate and key go together: give both files or none")
	case !c.Insecure && !hostport.Loopback(host) && (c.TokenFile == "" || c.TLS.Certificate == ""):
		return fmt.Errorf("listen: %w: on %s everybody who reaches this machine could read its numbers; give token_file and tls, listen on 127.0.0.1, or accept it with --insecure", ErrInsecure, c.Listen)
	}
	return nil
}

// Registry returns one with the collectors, the version of the program, and what the Go runtime and
// the operating system say of the process. Its error is two collectors of the same names.
func Registry(version string, all ...prometheus.Collector) (*prometheus.Registry, error) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lensbus_build_info", Help: "1; the label is the version of the program.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry := prometheus.NewRegistry()
	all = append([]prometheus.Collector{build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})}, all...)
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("numbers for Prometheus: %w", err)
		}
	}
	return registry, nil
}
