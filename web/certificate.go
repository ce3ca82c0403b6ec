package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateEvery is how often the certificate's files are read again. Reading them is
// cheap, and works for every way in which files are replaced; notices of the file
// system do not.
const certificateEvery = 10 * time.Second

// expiresSoon is how long before its end a certificate is reported in the log.
const expiresSoon = 7 * 24 * time.Hour

// certificate is the certificate of the program with its private key. It follows the
// files from which it was read.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time
	every             time.Duration // how often the files are read

	current atomic.Pointer[tls.Certificate]
	files   certificateFiles // as they were last read
}

// certificateFiles is the content of both files.
type certificateFiles struct{ cert, key []byte }

func (f certificateFiles) equal(g certificateFiles) bool {
	return bytes.Equal(f.cert, g.cert) && bytes.Equal(f.key, g.key)
}

// loadCertificate returns the certificate that the options name.
func loadCertificate(o *Options, log *slog.Logger) (*certificate, error) {
	c := &certificate{
		certFile: o.TLSCert, keyFile: o.TLSKey, log: log, now: o.clock(),
		every: cmp.Or(o.certificateEvery, certificateEvery),
	}
	files, err := c.read()
	if err != nil {
		return nil, err
	}
	pair, err := files.parse()
	if err != nil {
		return nil, err
	}
	c.files = files
	c.use(pair)
	return c, nil
}

// read reads both files. Its errors name the option, and never what is in a file.
func (c *certificate) read() (f certificateFiles, err error) {
	f.cert, err = os.ReadFile(c.certFile)
	if err != nil {
		return f, fmt.Errorf("--tls-cert: %w", err)
	}
	f.key, err = os.ReadFile(c.keyFile)
	if err != nil {
		return f, fmt.Errorf("--tls-key: %w", err)
	}
	return f, nil
}

func (f certificateFiles) parse() (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &pair, nil
}

// use serves further connections with a certificate.
func (c *certificate) use(pair *tls.Certificate) {
	c.current.Store(pair)
	until := pair.Leaf.NotAfter
	c.log.Info("Using a TLS certificate", "file", c.certFile, "names", pair.Leaf.DNSNames, "until", until)
	c.warnOfEnd()
}

// warnOfEnd logs that the certificate ends soon, or has ended.
func (c *certificate) warnOfEnd() {
	if until := c.current.Load().Leaf.NotAfter; until.Sub(c.now()) < expiresSoon {
		c.log.Warn("The TLS certificate expires soon or has expired", "file", c.certFile, "until", until)
	}
}

// follow reads the files again until ctx ends. It warns of the certificate's end once a
// day.
func (c *certificate) follow(ctx context.Context) {
	every, daily := time.NewTicker(c.every), time.NewTicker(24*time.Hour)
	defer every.Stop()
	defer daily.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			c.reload()
		case <-daily.C:
			c.warnOfEnd()
		}
	}
}

// reload uses the files if they have changed. Files that cannot be used are logged once,
// and the certificate in use is kept: a mistake must not end the service.
func (c *certificate) reload() {
	files, err := c.read()
	if err == nil && files.equal(c.files) {
		return
	}
	changed := !files.equal(c.files)
	c.files = files
	var pair *tls.Certificate
	if err == nil {
		pair, err = files.parse()
	}
	if err == nil && c.now().After(pair.Leaf.NotAfter) {
		err = errors.New("--tls-cert: the new certificate has expired")
	}
	switch {
	case err == nil:
		c.use(pair)
	case changed:
		c.log.Error("Could not use the changed TLS certificate; keeping the old one", "error", err)
	}
}

// config returns the configuration of the web server. Its versions and ciphers are those
// of Go, which drops old ones with its releases; TLS 1.2 is the oldest version.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}
