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
	doubted.fault.Retry, doubted.fault.Away = true, true
	return &doubted
}

// ready reports whether the API server says that it is ready.
func (c *Client) ready(ctx context.Context) bool { return c.askReady(ctx) == nil }

// Answers reports whether there is an API server that is ready, or refuses to say so.
func (c *Client) Answers(ctx context.Context) bool {
	return !FaultOf(Explain(c.askReady(ctx), "get /readyz")).Away
}

// askReady asks the API server whether it is ready, in the name of the program.
func (c *Client) askReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, personKey{}, nil), readyTimeout)
	defer cancel()
	return c.reads.Discovery().RESTClient().Get().AbsPath("/readyz").MaxRetries(0).Do(ctx).Error()
}
