package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// pki contains the paths of the certificates and keys of the API servers, and the
// certificate of the authority that clients trust.
type pki struct {
	ca          []byte // PEM, for kubeconfig files.
	servingCert string
	servingKey  string
	accountKey  string // Signs and verifies service account tokens.
}

// newPKI creates a certificate authority, and writes the certificate of the API
// servers to dir. It discards the authority's key, since nothing else is signed with
// it.
func newPKI(dir string) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &pki{
		servingCert: filepath.Join(dir, "apiserver.crt"),
		servingKey:  filepath.Join(dir, "apiserver.key"),
		accountKey:  filepath.Join(dir, "service-account.key"),
	}
	if err := p.issue(); err != nil {
		return nil, fmt.Errorf("create certificates: %w", err)
	}
	return p, nil
}

func (p *pki) issue() error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := template("devcluster", 1)
	ca.IsCA, ca.BasicConstraintsValid = true, true
	ca.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return err
	}
	p.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	servingKey, err := newKey(p.servingKey)
	if err != nil {
		return err
	}
	if err := p.signServing(ca, caKey, servingKey); err != nil {
		return err
	}
	_, err = newKey(p.accountKey)
	return err
}

// signServing writes the certificate of all API servers of the plane.
func (p *pki) signServing(ca *x509.Certificate, caKey, servingKey *ecdsa.PrivateKey) error {
	serving := template("kube-apiserver", 2)
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	serving.KeyUsage = x509.KeyUsageDigitalSignature
	serving.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	serving.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default.svc"}
	der, err := x509.CreateCertificate(rand.Reader, serving, ca, servingKey.Public(), caKey)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return os.WriteFile(p.servingCert, block, 0o600)
}

// template returns the fields that all certificates have. They are valid from an
// hour ago, so that a running plane works after the clock has been set back a little.
func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
}

// newKey creates a key and writes it to path, readable only by this user.
func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return key, os.WriteFile(path, block, 0o600)
}

// newToken returns 128 random bits in hexadecimal.
func newToken() string {
	token := make([]byte, 16)
	rand.Read(token) // Never fails: crypto/rand aborts the program instead.
	return hex.EncodeToString(token)
}
