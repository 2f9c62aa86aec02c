package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/lensbus/lensbus/config/hostport"
)

// healthCommand is for what looks after processes and has no client for HTTP at hand: an image with
// nothing in it but the program.
type healthCommand struct {
	URL string `arg:"" optional:"" env:"LENSBUS_HEALTH" help:"URL or HOST:PORT of a lensbus. Default: /readyz at LENSBUS_METRICS_LISTEN, else at LENSBUS_WEB_LISTEN, else at 127.0.0.1:8080."`
}

// healthWait is how long an answer may take.
const healthWait = 4 * time.Second

// Run fails where the process does not answer, or answers that it cannot do its work.
func (c *healthCommand) Run(ctx context.Context, s *session) error {
	target, err := healthURL(c.URL, os.Getenv)
	if err != nil {
		return usage(err)
	}
	client := http.Client{Timeout: healthWait, Transport: &http.Transport{
		DisableKeepAlives: true,
		// The question holds no secret and the certificate is for the names that others use.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: hostport.Loopback(target.Hostname()), MinVersion: tls.VersionTLS12},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return usage(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it is read to the end, or not wanted
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	line := strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s: %s", answer.Status, line)
	}
	_, err = fmt.Fprintln(s.Stdout, line)
	return err
}

// healthURL is what to ask. A listening address that is all interfaces is this machine.
func healthURL(text string, env func(string) string) (*url.URL, error) {
	scheme := "http"
	if text == "" {
		switch {
		case env("LENSBUS_METRICS_LISTEN") != "":
			text = env("LENSBUS_METRICS_LISTEN")
			if env("LENSBUS_METRICS_CERTIFICATE") != "" {
				scheme = "https"
			}
		case env("LENSBUS_WEB_LISTEN") != "":
			text = env("LENSBUS_WEB_LISTEN")
			if env("LENSBUS_AUTH") != "" { // which has the page's certificate
				scheme = "https"
			}
		default:
			text = "127.0.0.1:8080"
		}
	}
	if !strings.Contains(text, "://") {
		text = scheme + "://" + text
	}
	target, err := url.Parse(text)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, fmt.Errorf("%.100q is not a URL or HOST:PORT, such as http://127.0.0.1:8080/readyz", text)
	}
	if ip, err := netip.ParseAddr(target.Hostname()); target.Hostname() == "" || err == nil && ip.IsUnspecified() {
		target.Host = net.JoinHostPort("127.0.0.1", target.Port())
	}
	if target.Path == "" {
		target.Path = "/readyz"
	}
	return target, nil
}
