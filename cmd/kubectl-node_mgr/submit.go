package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// A request is how a batch is asked for.
type request struct {
	yes, dryRun, wait, reach bool
	reason, key              string
}

func addRequest(c *cobra.Command) *request {
	r := &request{}
	f := c.Flags()
	f.StringVar(&r.reason, "reason", "", "why; one line")
	f.BoolVarP(&r.yes, "yes", "y", false, "start without a question")
	f.BoolVar(&r.dryRun, "dry-run", false, "only show the plan")
	f.BoolVar(&r.wait, "wait", false, "follow the batch to its end (default true in a terminal)")
	f.BoolVar(&r.reach, "reach", false, "with --yes: also start a plan that affects a large part of the cluster")
	f.StringVar(&r.key, "idempotency-key", "", "a second request with this key is answered with the batch of the first")
	addFields(c, consentFields())
	return r
}

// tries is how often a plan is made anew, with --yes, if the nodes have changed meanwhile;
// and how often a request is sent that was not answered.
const tries = 3

// carryOut shows the plan of a form, asks, starts the batch and follows it.
func (a *app) carryOut(c *cobra.Command, r *request, form url.Values) error {
	if err := a.connect(); err != nil {
		return err
	}
	if err := a.chooseCluster(c.Context()); err != nil {
		return err
	}
	if r.reason != "" {
		form.Set("reason", r.reason)
	}
	readFields(c.Flags(), consentFields(), form)
	if !c.Flags().Changed("wait") {
		r.wait = a.redraws
	}
	for try := 1; ; try++ {
		err := a.planAndStart(c.Context(), r, form)
		if !r.yes || try == tries || !isConflict(err) {
			return err
		}
	}
}

func isConflict(err error) bool {
	var said *problem
	return errors.As(err, &said) && said.status == http.StatusConflict
}

// chooseCluster takes the only cluster if none is named.
func (a *app) chooseCluster(ctx context.Context) error {
	if a.cluster != "" {
		return nil
	}
	names, err := a.clusterNames(ctx)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return refuse("give --cluster, one of: %s", listed(names, 20))
	}
	a.cluster = names[0]
	return nil
}

func (a *app) batchesPath() string { return "/clusters/" + url.PathEscape(a.cluster) + "/batches" }

func (a *app) planAndStart(ctx context.Context, r *request, form url.Values) error {
	var p plan
	raw, err := a.client.post(ctx, a.batchesPath()+"/preview", form, &p)
	if err != nil {
		return err
	}
	if r.dryRun && a.json() {
		_, err := a.out.Write(raw)
		return err
	}
	a.showPlan(p, r)
	if r.dryRun {
		return p.obstacle()
	}
	if err := p.obstacle(); err != nil {
		return err
	}
	if err := a.agree(ctx, p, r); err != nil {
		return err
	}
	b, raw, err := a.start(ctx, r, p, form)
	if err != nil {
		return err
	}
	return a.finish(ctx, b, raw, r.wait)
}

// showPlan writes the plan. JSON stays alone on the standard output.
func (a *app) showPlan(p plan, r *request) {
	switch {
	case !a.json():
		p.write(a.out, a.cluster)
	case !r.yes:
		p.write(a.err, a.cluster)
	}
}

// start sends the form until all consents are given that the server wants. A request that
// was not answered is sent again: its key makes sure that it starts one batch only.
func (a *app) start(ctx context.Context, r *request, p plan, form url.Values) (b batch, raw []byte, err error) {
	send := clone(form)
	send.Set("plan", p.Digest)
	send.Set("idempotency_key", first(r.key, "kubectl-"+rand.Text()))
	for range len(consentFields()) + 1 {
		raw, err = a.send(ctx, a.batchesPath(), send, &b)
		if err == nil || r.yes || !a.asks || !a.askConsents(ctx, err, send) {
			return b, raw, err
		}
	}
	return b, raw, err
}

// send posts a form. An interrupt does not cut it short: the batch may have started, and its
// ID is to be told.
func (a *app) send(ctx context.Context, path string, form url.Values, into any) (raw []byte, err error) {
	whole := context.WithoutCancel(ctx)
	for try := 1; ; try++ {
		raw, err = a.client.post(whole, path, form, into)
		if try == tries || !errors.Is(err, errNoAnswer) {
			return raw, err
		}
		_, _ = fmt.Fprintln(a.err, "The server does not answer; trying again.")
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}

func clone(form url.Values) url.Values {
	out := url.Values{}
	for name, values := range form {
		out[name] = values
	}
	return out
}
