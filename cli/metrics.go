package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lensbus/lensbus/broker"
	"github.com/lensbus/lensbus/bus"
	"github.com/lensbus/lensbus/operate"
)

// metricsFlags are for the commands that have no page, which shows the numbers otherwise.
type metricsFlags struct {
	MetricsListen      string `env:"LENSBUS_METRICS_LISTEN" placeholder:"HOST:PORT" help:"Serve /metrics (Prometheus), /healthz and /readyz there. Default: nowhere; port 0 takes a free one."`
	MetricsTokenFile   string `env:"LENSBUS_METRICS_TOKEN_FILE" placeholder:"FILE" help:"File with the bearer token without which there are no numbers."`
	MetricsCertificate string `env:"LENSBUS_METRICS_CERTIFICATE" placeholder:"FILE" help:"Certificate with which the numbers are served over TLS."`
	MetricsKey         string `env:"LENSBUS_METRICS_KEY" placeholder:"FILE" help:"Its key."`
}

func (m metricsFlags) apply(insecure bool, c *operate.Config) error {
	for _, given := range []struct {
		flag string
		to   *string
	}{{m.MetricsListen, &c.Listen}, {m.MetricsTokenFile, &c.TokenFile}, {m.MetricsCertificate, &c.TLS.Certificate}, {m.MetricsKey, &c.TLS.Key}} {
		if given.flag != "" {
			*given.to = given.flag
		}
	}
	c.Insecure = c.Insecure || insecure
	if err := c.Validate(); err != nil {
		return usage(fmt.Errorf("metrics: %w", err))
	}
	return nil
}

// registry has the numbers of the process.
func (s *session) registry(all ...prometheus.Collector) (*prometheus.Registry, error) {
	return operate.Registry(s.Version, all...)
}

// numbers is the role that serves the numbers of a process without a page; where nothing is to be
// served, it ends at once.
func (s *session) numbers(c operate.Config, ready func() error, all ...prometheus.Collector) role {
	return role{"metrics", func(ctx context.Context) error {
		registry, err := s.registry(all...)
		if err != nil {
			return err
		}
		return operate.Run(ctx, c, operate.Deps{Metrics: registry, Ready: ready, Log: s.log}, func(addr string) {
			s.log.Info("numbers are served", "url", pageURL(addr, c.TLS.Certificate != "")+"metrics")
		})
	}}
}

// ready says why a process with that connection, and with a broker where server is not nil, cannot
// do its work.
func ready(conn *bus.Conn, server *broker.Server) func() error {
	return func() error {
		if server != nil {
			if err := server.Ready(); err != nil {
				return err
			}
		}
		if !conn.Connected() {
			return errors.New("not connected to the NATS server")
		}
		return nil
	}
}
