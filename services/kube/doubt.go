package kube

import (
	"context"
	"errors"
	"time"

	"kube-node-manager/services"
)

// readyTimeout bounds the question whether the API server is ready.
const readyTimeout = 5 * time.Second

// doubt makes a refusal an error that may pass unless the API server is ready: while it
// starts, it knows no accounts and roles yet, and refuses everything. An account that may
// not ask for /readyz is refused as often as any call is tried.
func (c *Client) doubt(ctx context.Context, err error) error {
	if services.CodeOf(err) != services.CodeForbidden || c.ready(ctx) {
		return err
	}
	e, ok := errors.AsType[*callError](err)
	if !ok {
		return err
	}
	doubted := *e
	doubted.fault.Retry = true
	return &doubted
}

// ready reports whether the API server says that it is ready. The program asks in its own
// name.
func (c *Client) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, personKey{}, nil), readyTimeout)
	defer cancel()
	return c.reads.Discovery().RESTClient().Get().AbsPath("/readyz").MaxRetries(0).Do(ctx).Error() == nil
}
