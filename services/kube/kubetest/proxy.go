package kubetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// maxStreams is how many concurrent calls an API server allows on a connection.
const maxStreams = 100

// A Proxy forwards calls to an API server. It counts them, and makes those fail
// that a [Fault] selects. Like the API server it speaks HTTP/2 with 100 streams
// per connection, and streams watches.
type Proxy struct {
	upstream *rest.Config
	url      string
	ca       []byte
	server   *http.Server
	forward  *httputil.ReverseProxy

	mu       sync.Mutex // Guards the rest.
	faults   []*Injected
	requests []*Request
	inFlight map[*Request]bool
	peaks    map[[2]string]int // Most concurrent calls, per verb and resource; "" means any.
}

// Proxy starts a proxy for the cluster's API server. The test's end closes it and
// ends its calls.
func (c *Cluster) Proxy(t testing.TB) *Proxy {
	t.Helper()
	return NewProxy(t, c.Config())
}

// NewProxy starts a proxy for any HTTPS server. The configurations that it
// returns contain upstream's token.
func NewProxy(t testing.TB, upstream *rest.Config) *Proxy {
	t.Helper()
	target, err := url.Parse(upstream.Host)
	require.NoError(t, err)
	tlsConfig, err := rest.TLSConfigFor(upstream)
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true}
	p := &Proxy{upstream: upstream, inFlight: map[*Request]bool{}, peaks: map[[2]string]int{}}
	p.forward = &httputil.ReverseProxy{
		Transport:      transport,
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: modifyResponse,
		// If there is no answer, the client sees a broken stream, too.
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		FlushInterval: -1, // Forward watch events at once.
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	stop := p.listen(t)
	t.Cleanup(func() {
		stop()
		p.awaitCalls(t)
		transport.CloseIdleConnections()
	})
	return p
}

// connection is the context key of the client's net.Conn.
type connection struct{}

// listen serves on a free port of the loopback address.
func (p *Proxy) listen(t testing.TB) (stop func()) {
	t.Helper()
	certificate := p.certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.url = "https://" + listener.Addr().String()
	p.server = &http.Server{
		Handler:   p,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connection{}, conn)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = p.server.ServeTLS(listener, "", "") // Ends with ErrServerClosed.
	}()
	return func() {
		p.server.Close()
		<-served
	}
}

// certificate returns a new self-signed certificate for the proxy.
func (p *Proxy) certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	p.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// awaitCalls waits until the handlers of the closed server have returned.
func (p *Proxy) awaitCalls(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), waitTimeout)
	defer cancel()
	if err := poll(ctx, p.idle); err != nil {
		t.Errorf("kubetest: %v", err)
	}
}

func (p *Proxy) idle(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.inFlight) > 0 {
		return fmt.Errorf("%d calls are still in progress in the closed proxy", len(p.inFlight))
	}
	return nil
}

// URL returns the proxy's address, such as "https://127.0.0.1:40123".
func (p *Proxy) URL() string { return p.url }

// Config returns a client configuration that uses the proxy.
func (p *Proxy) Config() *rest.Config {
	return p.Through(p.upstream)
}

// Through returns a copy of config that uses the proxy. config is that of any
// user of the same cluster.
func (p *Proxy) Through(config *rest.Config) *rest.Config {
	through := rest.CopyConfig(config)
	through.Host = p.url
	through.TLSClientConfig = rest.TLSClientConfig{CAData: p.ca}
	return through
}

// Kubeconfig writes a kubeconfig file that uses the proxy, with one context of
// that name, and returns the file's path.
func (p *Proxy) Kubeconfig(t testing.TB, context string) string {
	t.Helper()
	return WriteKubeconfig(t, context, p.Config())
}

// Inject activates a fault. If several faults select a call, only the first one
// affects it.
func (p *Proxy) Inject(fault Fault) *Injected {
	p.mu.Lock()
	defer p.mu.Unlock()
	injected := &Injected{proxy: p, fault: fault}
	p.faults = append(p.faults, injected)
	return injected
}

// Reset removes all faults and forgets all calls that have ended.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.requests = nil, nil
	clear(p.peaks)
}

// Calls returns the number of calls so far, including those that failed. An empty
// verb or resource means any. Calls of a subresource count under its own name
// only, such as "pods/eviction".
func (p *Proxy) Calls(verb, resource string) int {
	count := 0
	for _, r := range p.Requests() {
		if r.matches(verb, resource) {
			count++
		}
	}
	return count
}

// Requests returns all calls so far, in the order of their arrival.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	requests := make([]Request, 0, len(p.requests))
	for _, r := range p.requests {
		requests = append(requests, *r)
	}
	return requests
}

// Peak returns the largest number of such calls that were in progress at once.
func (p *Proxy) Peak(verb, resource string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peaks[[2]string{verb, resource}]
}

// ServeHTTP forwards one call, unless a fault affects it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := parseRequest(r)
	readBody(r, &request)
	injected := p.begin(&request)
	answer := &recorder{ResponseWriter: w}
	defer p.end(&request, answer)
	if injected == nil {
		p.forward.ServeHTTP(answer, r)
		return
	}
	p.apply(answer, r, injected)
}

// readBody records the body of a call that writes. API objects are small.
func readBody(r *http.Request, request *Request) {
	if r.Method == http.MethodGet {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // The client is gone.
	}
	request.Body = body
	// As client-go does: a call that meets the end of a connection is sent by the next one.
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
}

// begin records a call and returns the fault that affects it, if any.
func (p *Proxy) begin(request *Request) *Injected {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, request)
	p.inFlight[request] = true
	p.countPeaks(request)
	for _, injected := range p.faults {
		if injected.affects(request) {
			return injected
		}
	}
	return nil
}

// countPeaks updates the peaks to which the new call counts.
func (p *Proxy) countPeaks(request *Request) {
	for _, key := range [][2]string{
		{"", ""},
		{request.Verb, ""},
		{"", request.Resource},
		{request.Verb, request.Resource},
	} {
		count := 0
		for other := range p.inFlight {
			if other.matches(key[0], key[1]) {
				count++
			}
		}
		p.peaks[key] = max(p.peaks[key], count)
	}
}

func (p *Proxy) end(request *Request, answer *recorder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inFlight, request)
	request.Code = answer.code
}

// A recorder keeps the status code that a handler sends.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	if code >= http.StatusOK { // 1xx is not the final status.
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets the reverse proxy flush through the recorder.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
