package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificates are the page's certificate, read again when its files change.
type certificates struct {
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

func newCertificates(certificate, key string, log *slog.Logger) (*certificates, error) {
	c := &certificates{certificate: certificate, key: key, log: log}
	var err error
	if c.stamps, err = c.stamp(); err == nil {
		err = c.load()
	}
	if err != nil {
		return nil, fmt.Errorf("the page's certificate: %w", err)
	}
	return c, nil
}

func (c *certificates) load() error {
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return err
	}
	c.pair = &pair
	return nil
}

func (c *certificates) stamp() ([2]stamp, error) {
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
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
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
		c.log.Warn("the page's certificate has changed and cannot be used: the one before still is", "error", err)
		return c.pair, nil
	}
	c.stamps = stamps
	c.log.Info("the page has another certificate")
	return c.pair, nil
}

// isFor says whether the certificate is for that name. c may be nil.
func (c *certificates) isFor(host string) bool {
	if c == nil {
		return false
	}
	pair, err := c.get(nil)
	return err == nil && pair.Leaf != nil && pair.Leaf.VerifyHostname(host) == nil
}

func (c *certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}
}
