package handlers

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/inspect"
	"kube-node-manager/services/node"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// nodeRequest is a tab of the page of a node, as it was asked for.
type nodeRequest struct {
	cluster, node string
	tab           nodes.Tab
	pods          inspect.PodQuery
	fresh         bool
	usage         bool // wait for what the pods request
}

// NodesShow answers a tab of the page of one node. What needs further calls to the cluster
// is read for its tab alone, and an error of it is shown there.
func (h *Handlers) NodesShow(w http.ResponseWriter, r *http.Request) error {
	q, err := readNodeRequest(r)
	if err != nil {
		return err
	}
	if wantsJSON(r) {
		return h.nodeJSON(w, r, q)
	}
	found, err := h.showNode(r, q)
	if err != nil {
		return err
	}
	actor := services.ActorFrom(r.Context()).In(q.cluster)
	v := nodes.View{
		Cluster: q.cluster, Node: found.Detail, AsOf: found.AsOf, Stale: found.Stale, Tab: q.tab, PodQuery: q.pods,
		IdempotencyKey: newKey(), Now: h.now(),
		MayChange: actor.May(services.PermitChange),
		MayDrain:  actor.May(services.PermitDrain),
		MayForce:  actor.May(services.PermitForce),
	}
	if err := h.addPart(r, q, found, &v); err != nil {
		v.Problem = ui.NewProblem(r.Context(), err)
	}
	h.addActors(r, q, &v)
	f := h.frame(r, "nodes", nodes.Title(r.Context(), q.node, q.tab), q.cluster)
	return render(w, r, http.StatusOK, nodes.Page(f, v))
}

func readNodeRequest(r *http.Request) (nodeRequest, error) {
	values := r.URL.Query()
	q := nodeRequest{
		cluster: pathParam(r, "cluster"), node: pathParam(r, "node"), tab: nodes.Tab(values.Get("tab")),
		fresh: values.Get("fresh") == "1", usage: values.Get("usage") == "1",
	}
	if wrong := services.CheckChoice("tab", q.tab, nodes.Tabs()); len(wrong) > 0 {
		return q, services.InvalidFields(wrong...)
	}
	if q.tab == "" && !wantsJSON(r) {
		q.tab = nodes.TabOverview
	}
	if q.tab != nodes.TabPods {
		return q, nil
	}
	var err error
	q.pods, err = readPodQuery(values)
	return q, err
}

func readPodQuery(values url.Values) (inspect.PodQuery, error) {
	page, err := numberField(values, "page")
	if err != nil {
		return inspect.PodQuery{}, err
	}
	q := inspect.PodQuery{
		Text: values.Get("q"), Sort: values.Get("sort"), Desc: values.Get("dir") == "desc", Page: page,
	}
	return q.Check()
}

// showNode reads a node. A person whose cluster does not answer is shown what is known.
func (h *Handlers) showNode(r *http.Request, q nodeRequest) (node.Found, error) {
	read := h.Nodes.GetQuick
	if q.usage {
		read = h.Nodes.Get
	}
	ctx, cancel := reading(r)
	defer cancel()
	found, err := read(ctx, q.cluster, q.node, q.fresh)
	h.noteSilence(q.cluster, err)
	if err == nil && q.tab == nodes.TabOverview && !found.UsageKnown() {
		found = h.Nodes.WithKnownPods(q.cluster, found)
	}
	code := services.CodeOf(err)
	if !q.fresh || code != services.CodeUnavailable && code != services.CodeTimeout {
		return found, err
	}
	ctx, cancel = context.WithTimeout(r.Context(), lookWithin)
	defer cancel()
	known, knownErr := h.Nodes.GetQuick(ctx, q.cluster, q.node, false)
	if knownErr != nil {
		return found, err
	}
	known.Stale = err
	return known, nil
}

// lookWithin is how long it may take to find what is known already.
const lookWithin = time.Second

// addActors adds who is at work on the node by what they keep elsewhere.
func (h *Handlers) addActors(r *http.Request, q nodeRequest, v *nodes.View) {
	if q.tab != nodes.TabOverview && q.tab != "" {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookWithin)
	defer cancel()
	found, err := h.Batches.Actors(ctx, q.cluster, &v.Node.Node)
	if err == nil {
		v.Node.Actors = found
	}
}
