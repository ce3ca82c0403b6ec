// Package kube is the only package that talks to Kubernetes: clients, read
// calls, the write gateway, the classes of its errors and the control of how
// many calls run at once. No other package holds a client, so nothing can
// change a node but through the gateway.
package kube

import (
	"context"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"

	"kube-node-manager/services"
)

// FieldManager is the name under which the API server records our writes.
const FieldManager = "kube-node-manager"

// Bounds of single calls. They are generous: the caller's context is what ends
// a call that nobody waits for.
const (
	listTimeout  = 60 * time.Second
	getTimeout   = 15 * time.Second
	patchTimeout = 15 * time.Second
)

// How connections are made: as client-go does it.
const (
	dialTimeout = 30 * time.Second
	keepAlive   = 30 * time.Second
)

// Client is one cluster's API server seen with one credential. Its methods may
// be called from any goroutine; nothing is sent before the first call.
type Client struct {
	reads   kubernetes.Interface
	writes  rest.Interface
	limiter *Limiter
	close   func()
}

// New returns a client for cfg, which it copies. Reads and writes go over
// transports of their own, so that a long list does not hold up patches. heard,
// unless it is nil, is told of every call.
func New(cfg *rest.Config, userAgent string, heard Heard) (*Client, error) {
	readConfig := rest.CopyConfig(cfg)
	readConfig.UserAgent = userAgent
	readConfig.QPS = -1 // our own limiter bounds the work, by what the server can take
	// Compressing a list costs the API server more than the bytes it saves on a
	// data centre's network.
	readConfig.DisableCompression = true
	reads, closeReads, err := newClientset(readConfig, heard)
	if err != nil {
		return nil, err
	}
	writeConfig := rest.CopyConfig(readConfig)
	writeConfig.DisableCompression = false // another transport; single nodes are too small to be compressed
	writes, closeWrites, err := newClientset(writeConfig, heard)
	if err != nil {
		return nil, err
	}
	return &Client{
		reads: reads, writes: writes.CoreV1().RESTClient(), limiter: NewLimiter(),
		close: func() { closeReads(); closeWrites() },
	}, nil
}

// newClientset gives a clientset over connections of its own, and what closes
// them all. The transport alone would keep one on which a call has just been
// called off until it has been idle for a minute and a half.
func newClientset(cfg *rest.Config, heard Heard) (kubernetes.Interface, func(), error) {
	dialer := connrotation.NewDialer((&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext)
	cfg.Dial = dialer.DialContext
	h, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, nil, err
	}
	if heard != nil {
		h.Transport = &listener{next: h.Transport, tell: heard}
	}
	set, err := kubernetes.NewForConfigAndClient(cfg, h)
	return set, dialer.CloseAll, err
}

// Close drops all connections, and with them the calls that still use one.
func (c *Client) Close() { c.close() }

// Limiter gives the bound on calls that change this cluster.
func (c *Client) Limiter() *Limiter { return c.limiter }

// ListNodes gives all nodes by a consistent read: resourceVersion is unset, so
// that the answer is never older than the call.
func (c *Client) ListNodes(ctx context.Context) ([]corev1.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Explain(err, "list nodes")
	}
	return list.Items, nil
}

// GetNode gives one node by a consistent read.
func (c *Client) GetNode(ctx context.Context, name string) (*corev1.Node, error) {
	if err := possible(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	n, err := c.reads.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, Explain(err, "get nodes")
	}
	return n, nil
}

// ListPods gives the pods that match a field selector; "" gives those of the
// whole cluster. It reads from the server's watch cache at any age, which is
// enough for sums and a fraction of the cost.
func (c *Client) ListPods(ctx context.Context, fieldSelector string) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: fieldSelector, ResourceVersion: "0"})
	if err != nil {
		return nil, Explain(err, "list pods")
	}
	return list.Items, nil
}

// possible refuses names that no object can have. Without it one such as "../.."
// would be refused on the way to the server, like a server that is out of reach.
func possible(names ...string) error {
	for _, name := range names {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			return services.NewError(services.CodeNotFound, "error_node_gone")
		}
	}
	return nil
}

// Version gives the API server's version, such as "v1.37.2".
func (c *Client) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	raw, err := c.reads.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", Explain(err, "get version")
	}
	return gitVersion(raw)
}
