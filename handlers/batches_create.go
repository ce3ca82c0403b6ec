package handlers

import (
	"net/http"
	"net/url"
	"slices"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/batches"
	"kube-node-manager/views/ui"
)

// BatchesCreate starts a batch. A small one that ends at once is answered with
// its result (200), any other with its progress (202).
func (h *Handlers) BatchesCreate(w http.ResponseWriter, r *http.Request) error {
	q, err := h.batchRequest(r)
	if err != nil {
		return err
	}
	return h.create(w, r, q)
}

// create starts the batch that a request asks for. A person whose request goes
// far, without the consent to its plan, is sent to the plan.
func (h *Handlers) create(w http.ResponseWriter, r *http.Request, q batch.Request) error {
	v, err := h.Batches.Submit(r.Context(), q)
	switch {
	case goesFar(err):
		return h.goTo(w, r, ui.PreviewURL(q.Cluster))
	case keepsForm(r, err):
		return h.refusePlan(w, r, q, err)
	case planMoved(err) && !isHTMX(r):
		return h.refuseMoved(w, r, q, err)
	case err != nil:
		return err
	}
	return h.answerBatch(w, r, v, q.Nodes...)
}

// goesFar reports whether a request was refused because its plan has to be seen
// first.
func goesFar(err error) bool {
	return services.CodeOf(err) == services.CodeConflict && services.AsError(err).Text == batch.TextReach
}

// answerBatch answers a new batch: its end, if it is small and ends at once,
// else its progress. A browser is sent to the batch's own page; one that asked
// for all that match is told which nodes those were.
func (h *Handlers) answerBatch(w http.ResponseWriter, r *http.Request, v batch.View, nodes ...string) error {
	if wait := h.Batches.SyncWait(v); wait > 0 {
		var err error
		v, err = h.Batches.Wait(r.Context(), v.ID, wait)
		if err != nil {
			return err
		}
	}
	status := http.StatusAccepted
	if v.State.Ended() {
		status = http.StatusOK
	}
	if !wantsJSON(r) && !isHTMX(r) {
		return redirect(w, r, ui.BatchURL(v.ID))
	}
	w.Header().Set("Location", ui.BatchURL(v.ID))
	if !wantsJSON(r) {
		if status == http.StatusOK {
			w.Header().Set("HX-Trigger", "nodes-changed")
		}
		answer := h.batchView(r, v)
		answer.IdempotencyKey = newKey()
		if r.Form.Get("all") == "1" {
			answer.Acted = nodes
		}
		return render(w, r, status, batches.Answer(answer))
	}
	return h.showBatch(w, r, status, v)
}

// refusePlan shows a plan's page again, with what was wrong with it.
func (h *Handlers) refusePlan(w http.ResponseWriter, r *http.Request, q batch.Request, problem error) error {
	p, err := h.Batches.Preview(r.Context(), q)
	if err != nil && !keepsForm(r, err) {
		return problem
	}
	return h.showPlan(w, r, http.StatusUnprocessableEntity, q, p, problem)
}

// batchRequest reads the form of a batch; its nodes are those that are named,
// or all that match the list's query, but for the exceptions.
func (h *Handlers) batchRequest(r *http.Request) (batch.Request, error) {
	if err := parseForm(r); err != nil {
		return batch.Request{}, err
	}
	q := requestOf(r)
	q.Cluster = pathParam(r, "cluster")
	var err error
	q.Nodes, err = h.chosenNodes(r, q.Cluster)
	return q, err
}

// requestOf reads all of a batch's form but its nodes. What somebody has confirmed is
// read here, once.
func requestOf(r *http.Request) batch.Request {
	fields := form.Fields(r.Form)
	return batch.Request{
		Operation: fields.Text("operation"), Fields: fields, Reason: fields.Text("reason"),
		IdempotencyKey: fields.Text("idempotency_key"), RetryOf: fields.Text("retry_of"),
		Zone:     ui.Zone(r.Context()),
		Consents: batch.ReadConsents(fields), Guarded: !wantsJSON(r),
	}
}

// chosenNodes returns the names of the nodes that a form is about. It may name
// them, or say all=1 with the list's query; "except" names those of them that
// are left out.
func (h *Handlers) chosenNodes(r *http.Request, cluster string) ([]string, error) {
	names, all := nodeNames(r.Form), r.Form.Get("all") == "1"
	if all {
		var err error
		names, err = h.matchingNames(r, cluster, listQuery(r.Form))
		if err != nil {
			return nil, err
		}
	}
	out := leftOut(r.Form)
	if len(names) == 0 && len(out) > 0 && !all {
		return nil, services.Invalid("except", "error_except_alone")
	}
	chosen := slices.DeleteFunc(names, func(name string) bool { return out[name] })
	if len(chosen) == 0 && (len(names) > 0 || all) { // an undo without names would be of all
		return nil, services.Invalid("node", "error_nodes_none")
	}
	return chosen, nil
}

// leftOut returns the names that a form leaves out: what "include" names is back
// in. A node that is not there any more is no mistake: the list may be old.
func leftOut(form url.Values) map[string]bool {
	out := map[string]bool{}
	for _, name := range fieldWords(form["except"]) {
		out[name] = true
	}
	for _, name := range fieldWords(form["include"]) {
		delete(out, name)
	}
	return out
}

// listQuery returns the fields of the list's query in a batch's form. "label" and
// "taint" belong to the operation where that has such fields; the filters of the
// same names are then written "filter.label" and "filter.taint", as any of them
// may be.
func listQuery(form url.Values) url.Values {
	query, operated := url.Values{}, operation.TraitsOf(form.Get("operation"))
	for _, name := range filterNames() {
		values := form["filter."+name]
		switch {
		case len(values) > 0:
			query[name] = values
		case !operated.Carries(name):
			query[name] = form[name]
		}
	}
	return query
}

// filterNames are the parameters of the node list that say which nodes match, and in
// which order.
func filterNames() []string {
	return []string{
		"q", "status", "sched", "role", "pool", "zone", "version", "condition", "label", "taint",
		"group", "in", "sort", "dir",
	}
}

func (h *Handlers) matchingNames(r *http.Request, cluster string, form url.Values) ([]string, error) {
	query, err := nodeQuery(form)
	if err != nil {
		return nil, err
	}
	nodes, err := h.Nodes.Match(r.Context(), cluster, query)
	return namesOf(nodes), err
}

func namesOf(nodes []*node.Node) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names
}
