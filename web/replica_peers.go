package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"kube-node-manager/services/store"
)

// The headers of a forwarded request. A replica shows with the secret of the one that works,
// which it has read from the database, that it is one.
const (
	headerSecret = "Knm-Replica-Secret"
	headerClient = "Knm-Replica-Client" // whom the request is from, as http.Request.RemoteAddr
	headerTLS    = "Knm-Replica-Tls"    // it came over TLS
)

// peers are the other replicas. Replicas speak TLS with each other, each with a certificate
// that it makes at start and whose hash is in the database.
type peers struct {
	replica     *replica
	listener    net.Listener
	address     string
	fingerprint string
	stopping    context.Context // ends the forwarded requests, such as event streams
	cancel      context.CancelFunc

	mu        sync.Mutex
	token     int64           // of the leadership of the replica to which requests are forwarded
	sending   context.Context // of these requests
	giveUp    context.CancelFunc
	transport *http.Transport // for the replica with the certificate below
	to        string
}

func newPeers(ctx context.Context, r *replica) (*peers, error) {
	certificate, err := ownCertificate()
	if err != nil {
		return nil, fmt.Errorf("make a certificate for the other replicas: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", r.app.options.ReplicaAddr)
	if err != nil {
		return nil, fmt.Errorf("--replica-addr: %w", err)
	}
	p := &peers{
		replica: r, address: l.Addr().String(), fingerprint: fingerprint(certificate.Certificate[0]),
		listener: tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}),
	}
	p.stopping, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.sending, p.giveUp = context.WithCancel(p.stopping)
	r.app.cleanups.push("close the connections to other replicas", stopRest, withoutError(p.close))
	return p, nil
}

func (p *peers) close() {
	p.cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveUp()
	if p.transport != nil {
		p.transport.CloseIdleConnections()
	}
}

// follow gives up the requests that were forwarded to a replica with another leadership. 0
// means that no other replica works.
func (p *peers) follow(token int64) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token != p.token {
		p.giveUp()
		p.sending, p.giveUp = context.WithCancel(p.stopping)
		p.token = token
	}
	return p.sending
}

// ownCertificate returns a new certificate that nobody has signed.
func ownCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, nil
}

func fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return hex.EncodeToString(sum[:])
}

// ServeHTTP answers a request that another replica has forwarded.
func (p *peers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(headerSecret)), []byte(p.replica.me.Secret)) != 1 {
		http.Error(w, "only other replicas may ask here", http.StatusForbidden)
		return
	}
	program := p.replica.beginning(r.Context())
	if program == nil {
		// Nobody has read the request: the other replica may send it again.
		w.Header().Set(headerSecret, "idle")
		http.Error(w, "this replica does not work", http.StatusServiceUnavailable)
		return
	}
	r.RemoteAddr = r.Header.Get(headerClient)
	if r.Header.Get(headerTLS) == "" {
		r.TLS = nil
	}
	for _, name := range []string{headerSecret, headerClient, headerTLS} {
		r.Header.Del(name)
	}
	program.routes.ServeHTTP(w, r)
}

// errIdle means that the other replica no longer works and has not read the request.
var errIdle = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("the other replica does not work")}

// send forwards a request to the replica that works. If it returns an error, it has written
// nothing.
func (p *peers) send(w http.ResponseWriter, r *http.Request, leader store.Leader) (failed error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.follow(leader.Token), cancel)()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "https", Host: leader.Address})
			out := pr.Out
			out.Host = pr.In.Host
			// What proxies before us have said is judged by the replica that works.
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values := pr.In.Header.Values(name); len(values) > 0 {
					out.Header[name] = values
				}
			}
			// The body is not sent before it is read, so a replica that cannot take the request
			// leaves it as it is.
			if pr.In.Method == http.MethodPost {
				out.Header.Set("Expect", "100-continue")
			}
			out.Header.Set(headerSecret, leader.Secret)
			out.Header.Set(headerClient, pr.In.RemoteAddr)
			out.Header.Del(headerTLS)
			if pr.In.TLS != nil {
				out.Header.Set(headerTLS, "1")
			}
		},
		Transport:     p.transportTo(leader.Certificate),
		FlushInterval: -1,
		ModifyResponse: func(answer *http.Response) error {
			if answer.Header.Get(headerSecret) != "" {
				return errIdle
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	proxy.ServeHTTP(&patientWriter{w}, r.WithContext(ctx))
	return failed
}

// transportTo returns the connections to the replica with a certificate.
func (p *peers) transportTo(certificate string) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.transport != nil && p.to == certificate {
		return p.transport
	}
	if p.transport != nil {
		p.transport.CloseIdleConnections()
	}
	p.to = certificate
	p.transport = &http.Transport{
		DialContext:           (&net.Dialer{Timeout: leadWait}).DialContext,
		TLSHandshakeTimeout:   leadWait,
		ExpectContinueTimeout: leadFor,
		MaxIdleConnsPerHost:   100,
		IdleConnTimeout:       idleTimeout,
		DisableCompression:    true,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13,
			// Nobody has signed the certificate. It is the right one if its hash is the one in
			// the database.
			InsecureSkipVerify: true,
			VerifyConnection: func(state tls.ConnectionState) error {
				if fingerprint(state.PeerCertificates[0].Raw) != certificate {
					return errors.New("another replica has this address now")
				}
				return nil
			},
		},
	}
	return p.transport
}

// patientWriter lets an answer take as long as its client keeps reading, as event streams
// must.
type patientWriter struct{ http.ResponseWriter }

// Write implements io.Writer.
func (w *patientWriter) Write(b []byte) (int, error) {
	// A writer without deadlines has none to extend.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTimeout))
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the writer below, for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
