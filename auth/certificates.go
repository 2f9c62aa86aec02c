package auth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificates are what a server is known by, read again when the files change. Its methods may be used
// from any goroutine; there is nothing to close.
type Certificates struct {
	what             string
	certificate, key string
	log              *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamps [2]stamp
	looked time.Time
}

// stamp tells one version of a file from the next.
type stamp struct {
	size int64
	at   time.Time
}

// certificateEvery is how often the files are looked at.
const certificateEvery = time.Second

// WatchCertificates reads a server's certificate and key, PEM. what is for errors and the log: "the page".
// Its errors are files that cannot be used; later ones change nothing and are logged.
func WatchCertificates(what, certificate, key string, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{what: what, certificate: certificate, key: key, log: log}
	var err error
	if c.stamps, err = c.stamp(); err == nil {
		err = c.load()
	}
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", what, err)
	}
	return c, nil
}

func (c *Certificates) load() error {
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return err
	}
	c.pair = &pair
	return nil
}

func (c *Certificates) stamp() ([2]stamp, error) {
	var stamps [2]stamp
	var errs []error
	for i, path := range []string{c.certificate, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		stamps[i] = stamp{info.Size(), info.ModTime()}
	}
	return stamps, errors.Join(errs...)
}

// get returns the certificate as it is now. Where the files have become wrong, it is the one before.
func (c *Certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certificateEvery {
		return c.pair, nil
	}
	c.looked = time.Now()
	stamps, err := c.stamp()
	if err != nil || stamps == c.stamps {
		return c.pair, nil
	}
	// The two files are not changed in one moment: where they do not fit now, they may soon.
	if err := c.load(); err != nil {
		c.log.Warn("the certificate of "+c.what+" has changed and cannot be used: the one before still is", "error", err)
		return c.pair, nil
	}
	c.stamps = stamps
	c.log.Info(c.what + " has another certificate")
	return c.pair, nil
}

// IsFor says whether the certificate is for that name. A nil c has none.
func (c *Certificates) IsFor(host string) bool {
	if c == nil {
		return false
	}
	pair, err := c.get(nil)
	return err == nil && pair.Leaf != nil && pair.Leaf.VerifyHostname(host) == nil
}

// Config is for a server that speaks HTTP/1.1.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}
}
