package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// NodesList answers the node table: as a page, as its fragment, or as JSON. The
// columns that need pods come with a second request (usage=1), so that they
// never delay the table.
func (h *Handlers) NodesList(w http.ResponseWriter, r *http.Request) error {
	cluster := pathParam(r, "cluster")
	if _, err := h.clusterSeen(r, cluster); err != nil {
		return err
	}
	q, err := nodeQuery(r.URL.Query())
	if err != nil {
		return err
	}
	withUsage := r.URL.Query().Get("usage") == "1"
	ctx, cancel := reading(r)
	defer cancel()
	page, err := h.Nodes.List(ctx, cluster, q, withUsage)
	if wantsJSON(r) {
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, newNodeListJSON(cluster, page))
	}
	actor := services.ActorFrom(r.Context()).In(cluster)
	v := &nodes.ListView{
		Cluster: cluster, Columns: chosenColumns(r, q), Page: page, Now: h.now(), IdempotencyKey: newKey(),
		Loading: page.Usage == nil && !withUsage, MayChange: actor.May(services.PermitChange),
		MayDrain: actor.May(services.PermitDrain),
	}
	v.Work = h.workOn(page.Nodes)
	v.Servers = map[string]string{cluster: h.Clusters.Status(cluster).Version}
	v.Apply = h.applyTemplate(r, actor, q.Apply)
	status := http.StatusOK
	if isWrongSearch(err) {
		v.Problem, status = ui.NewProblem(r.Context(), err), http.StatusUnprocessableEntity
		v.Page, err = h.Nodes.List(ctx, cluster, node.Query{}, false)
		v.Page.Query, v.Loading = q, false
	}
	if err != nil {
		v.Problem, status = h.clusterProblem(r, cluster, q, err)
		if v.Problem == nil {
			return err
		}
		v.Page.Query = q
		// An old table with a word about its age is of more use than none.
		if last, ok := h.Nodes.Last(r.Context(), cluster, q, err); ok {
			v.Page, v.Problem, v.Loading, status = last, nil, false, http.StatusOK
		}
	}
	v.Page.Query.Fresh = false // it was this request's wish, not the table's
	if isHTMX(r) {
		return render(w, r, http.StatusOK, nodes.Table(v)) // also with a problem, which stands where the table would
	}
	h.rememberCluster(w, r, cluster)
	v.Saved, err = h.viewsMenu(r, cluster, viewQuery(q))
	if err != nil {
		return err
	}
	return render(w, r, status, nodes.ListPage(h.frame(r, "nodes", cluster, cluster), v))
}

// workOn returns the running batches that have nodes.
func (h *Handlers) workOn(page []*node.Node) map[node.Ref]*batch.Work {
	work := map[node.Ref]*batch.Work{}
	for _, n := range page {
		on := h.Batches.On(n.Cluster, n.Name)
		if on != nil {
			work[n.Ref()] = on
		}
	}
	return work
}

// isWrongSearch reports whether an error is about the search box alone. The page then
// shows it in the place of the table: somebody is typing.
func isWrongSearch(err error) bool {
	fields := services.AsError(err).Fields
	return services.CodeOf(err) == services.CodeInvalid && len(fields) == 1 && fields[0].Field == "q"
}

// readWithin is how long a page waits for a cluster before it says that there is
// no answer. The read goes on for whoever asks next.
const readWithin = 10 * time.Second

// reading returns the context of what a page waits for.
func reading(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), readWithin)
}

// noteSilence has a cluster asked whether it answers at all when a page has
// waited for it in vain: the read itself may hang for much longer.
func (h *Handlers) noteSilence(cluster string, err error) {
	if services.CodeOf(err) == services.CodeTimeout {
		h.Clusters.ProbeSoon(cluster)
	}
}

// clusterProblem puts the reason why a cluster cannot be read into words, with
// the status of a whole page that shows it. An error that is not the cluster's
// has none.
func (h *Handlers) clusterProblem(r *http.Request, cluster string, q node.Query, err error) (*ui.Problem, int) {
	status := http.StatusServiceUnavailable
	switch services.CodeOf(err) {
	case services.CodeInvalid, services.CodeInternal:
		return nil, 0
	case services.CodeForbidden:
		status = http.StatusForbidden
	}
	h.noteSilence(cluster, err)
	p := ui.NewProblem(r.Context(), err)
	q.Fresh = true
	p.RetryURL, p.RequestID = ui.NodesURL(cluster, q), services.ActorFrom(r.Context()).RequestID
	if services.AsError(err).Text == "error_cluster_forbidden" { // and not the actor's role
		p.AccessURL = ui.ClusterActionURL(cluster, "access")
	}
	return p, status
}

// NodesCSV answers every node that the filters let through, as CSV.
func (h *Handlers) NodesCSV(w http.ResponseWriter, r *http.Request) error {
	cluster := pathParam(r, "cluster")
	q, err := nodeQuery(r.URL.Query())
	if err != nil {
		return err
	}
	matched, err := h.Nodes.Match(r.Context(), cluster, q)
	if err != nil {
		return err
	}
	if err := h.Audit.Export(r.Context(), store.ActionNodesExport, cluster, ""); err != nil {
		return err
	}
	return writeCSV(w, "nodes", nodes.Columns(&nodes.ListView{Cluster: cluster, Columns: csvColumns(q)}), listed(matched))
}

// nodeQuery reads the table's query. What is no number is refused by name.
func nodeQuery(values url.Values) (node.Query, error) {
	page, err := numberField(values, "page")
	if err != nil {
		return node.Query{}, err
	}
	size, err := numberField(values, "size")
	if err != nil {
		return node.Query{}, err
	}
	return node.Query{
		Text: values.Get("q"), Status: values.Get("status"), Scheduling: values.Get("sched"), Role: values.Get("role"),
		Pool: values.Get("pool"), Zone: values.Get("zone"), Version: values.Get("version"),
		Condition: values.Get("condition"), Label: values.Get("label"), Taint: values.Get("taint"),
		Sort: values.Get("sort"), Desc: values.Get("dir") == "desc",
		Group: values.Get("group"), In: values.Get("in"), Fold: values.Get("fold"),
		Cols: values.Get("cols"),
		Page: page, Size: size, Fresh: values.Get("fresh") == "1", Apply: values.Get("apply"),
	}, nil
}

func numberField(values url.Values, name string) (int, error) {
	text := values.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, services.Invalid(name, "error_number", "Value", text)
	}
	return n, nil
}
