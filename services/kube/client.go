// Package kube is the only package that talks to Kubernetes. It holds the
// clients, the read calls, the write gateway, the classes of errors and the
// limit on concurrent calls. No other package has a client, so nothing can
// change a node except through the gateway.
package kube

import (
	"net"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"
)

// FieldManager is the name under which the API server records our writes.
const FieldManager = "kube-node-manager"

// Timeouts of single calls. They are generous: a caller that no longer waits
// cancels its context.
const (
	listTimeout  = 60 * time.Second
	getTimeout   = 15 * time.Second
	patchTimeout = 15 * time.Second
)

// Settings of new connections, the same as client-go's.
const (
	dialTimeout = 30 * time.Second
	keepAlive   = 30 * time.Second
)

// Client calls the API server of one cluster with one credential. It is safe for
// concurrent use and sends nothing before its first call.
type Client struct {
	reads   kubernetes.Interface
	writes  rest.Interface
	leases  rest.Interface // on the connections of writes
	limiter *Limiter
	clock   *clock
	close   func()
}

// New returns a client for cfg, which it copies. Connections are made by cfg.Dial, if
// it is set. Reads and writes have separate
// connections, so that a long list does not delay patches. If observe is not
// nil, it is told the outcome of every call.
func New(cfg *rest.Config, userAgent string, observe Observer) (*Client, error) {
	readConfig := rest.CopyConfig(cfg)
	readConfig.UserAgent = userAgent
	readConfig.QPS = -1 // no limit: Limiter adapts to what the server can take
	// Compressing a list costs the API server more than the saved bytes are worth
	// on a data centre's network.
	readConfig.DisableCompression = true
	its := &clock{}
	reads, closeReads, err := newClientset(readConfig, its, observe)
	if err != nil {
		return nil, err
	}
	writeConfig := rest.CopyConfig(readConfig)
	writeConfig.DisableCompression = false // makes client-go use another transport; single nodes are never compressed
	writes, closeWrites, err := newClientset(writeConfig, its, observe)
	if err != nil {
		return nil, err
	}
	closeBoth := func() {
		closeReads()
		closeWrites()
	}
	return &Client{
		reads: reads, writes: writes.CoreV1().RESTClient(), leases: writes.CoordinationV1().RESTClient(),
		limiter: NewLimiter(), clock: its, close: closeBoth,
	}, nil
}

// newClientset returns a clientset with its own connections, and a function that
// closes them all. Closing the idle ones would not be enough: a connection whose
// call was just cancelled stays open for another minute and a half.
func newClientset(cfg *rest.Config, its *clock, observe Observer) (kubernetes.Interface, func(), error) {
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext
	}
	dialer := connrotation.NewDialer(dial)
	cfg.Dial = dialer.DialContext
	h, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, nil, err
	}
	h.Transport = &personTransport{next: &clockTransport{next: h.Transport, clock: its}}
	h.Transport = &tracedTransport{next: h.Transport}
	if observe != nil {
		h.Transport = &observedTransport{next: h.Transport, observe: observe}
	}
	set, err := kubernetes.NewForConfigAndClient(cfg, h)
	return set, dialer.CloseAll, err
}

// Close closes all connections, which ends the calls in progress.
func (c *Client) Close() { c.close() }

// Limiter returns the limiter of the calls that change this cluster.
func (c *Client) Limiter() *Limiter { return c.limiter }
