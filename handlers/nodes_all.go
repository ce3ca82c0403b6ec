package handlers

import (
	"net/http"
	"slices"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/cluster"
	"kube-node-manager/services/node"
	"kube-node-manager/services/store"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// NodesAll answers the node table of all clusters that the actor sees: as a page, as its
// fragment, or as JSON. A cluster that does not answer is a line above the table.
func (h *Handlers) NodesAll(w http.ResponseWriter, r *http.Request) error {
	q, clusters, err := h.queryOfAll(r)
	if err != nil {
		return err
	}
	withUsage := r.URL.Query().Get("usage") == "1"
	page, err := h.Nodes.ListAll(r.Context(), clusters, q, withUsage)
	if wantsJSON(r) {
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, newAllNodesJSON(r, page))
	}
	v := h.allView(r, page)
	v.Loading = page.WithoutUsage() && !withUsage
	status := http.StatusOK
	if isWrongSearch(err) {
		v.Problem, status = ui.NewProblem(r.Context(), err), http.StatusUnprocessableEntity
		v.Page, err = h.Nodes.ListAll(r.Context(), clusters, node.Query{}, false)
		v.Page.Query, v.Loading = q, false
	}
	if err != nil {
		return err
	}
	h.noteSilences(page.Readings)
	v.Page.Query.Fresh = false // it was this request's wish, not the table's
	if isHTMX(r) {
		return render(w, r, http.StatusOK, nodes.Table(v)) // also with a problem, which stands where the table would
	}
	v.Saved, err = h.viewsMenu(r, "", viewQuery(q))
	if err != nil {
		return err
	}
	f := h.frame(r, frameOfAll, ui.T(r.Context(), "nodes_of_all"), "")
	return render(w, r, status, nodes.ListPage(f, v))
}

// frameOfAll is the entry of the rail for the nodes of all clusters.
const frameOfAll = "all-nodes"

// framePart returns the entry of the rail for the nodes of a cluster, or of all for "".
func framePart(cluster string) string {
	if cluster == "" {
		return frameOfAll
	}
	return "nodes"
}

// queryOfAll reads the query of the table of all clusters, and finds the clusters that
// it is about: those that it names, else all that the actor sees.
func (h *Handlers) queryOfAll(r *http.Request) (node.Query, []string, error) {
	if err := services.ActorFrom(r.Context()).Require(services.PermitSee); err != nil {
		return node.Query{}, nil, err
	}
	q, err := nodeQuery(r.URL.Query())
	if err != nil {
		return node.Query{}, nil, err
	}
	q.Clusters = r.URL.Query()["cluster"]
	clusters, err := h.namedClusters(r, &q)
	return q, clusters, err
}

// namedClusters returns the clusters that a query is about, once each. Those that it names
// have to be seen by the actor.
func (h *Handlers) namedClusters(r *http.Request, q *node.Query) ([]string, error) {
	if len(q.Clusters) == 0 {
		return h.ClusterNames(services.ActorFrom(r.Context()).Scope()), nil
	}
	q.Clusters = slices.Compact(slices.Sorted(slices.Values(q.Clusters)))
	for _, name := range q.Clusters {
		if _, err := h.clusterSeen(r, name); err != nil {
			return nil, err
		}
	}
	return q.Clusters, nil
}

// ClusterNames returns the names of the clusters of a scope that are in use.
func (h *Handlers) ClusterNames(scope services.Scope) []string {
	var names []string
	for _, c := range h.clustersIn(scope) {
		names = append(names, c.Name)
	}
	return names
}

// clustersIn returns the clusters of a scope that are in use.
func (h *Handlers) clustersIn(scope services.Scope) []cluster.Cluster {
	return slices.DeleteFunc(h.Clusters.List(), func(c cluster.Cluster) bool {
		return c.Disabled || !scope.Has(c.Name)
	})
}

// allView returns the view of the table of all clusters.
func (h *Handlers) allView(r *http.Request, page node.Page) *nodes.ListView {
	actor := services.ActorFrom(r.Context())
	v := &nodes.ListView{Columns: chosenColumns(r, page.Query), Page: page, Now: h.now(), IdempotencyKey: newKey()}
	v.Work = h.workOn(page.Nodes)
	v.Servers = map[string]string{}
	for _, c := range h.clusterViews(actor.Scope()) {
		v.Servers[c.Name] = c.Version
		here := actor.In(c.Name)
		m := nodes.Member{
			Cluster: c, MayChange: here.May(services.PermitChange), MayDrain: here.May(services.PermitDrain),
		}
		v.Clusters = append(v.Clusters, m)
		v.MayChange, v.MayDrain = v.MayChange || m.MayChange, v.MayDrain || m.MayDrain
	}
	return v
}

// noteSilences is noteSilence for the clusters of a list.
func (h *Handlers) noteSilences(readings []node.Reading) {
	for _, r := range readings {
		h.noteSilence(r.Cluster, r.Problem)
	}
}

// NodesAllCSV answers the nodes of all clusters that the filters let through, as CSV. A
// cluster whose nodes are not known has a line of its own, without a name.
func (h *Handlers) NodesAllCSV(w http.ResponseWriter, r *http.Request) error {
	q, clusters, err := h.queryOfAll(r)
	if err != nil {
		return err
	}
	readings, err := h.Nodes.MatchAll(r.Context(), clusters, q)
	if err != nil {
		return err
	}
	if err := h.Audit.Export(r.Context(), store.ActionNodesExport, "", ""); err != nil {
		return err
	}
	var rows []*node.Node
	problems := map[string]string{}
	for _, reading := range readings {
		rows = append(rows, reading.Matched()...)
		if reading.Problem != nil {
			problems[reading.Cluster] = ui.NewProblem(r.Context(), reading.Problem).Text
		}
		if !reading.Known() {
			rows = append(rows, &node.Node{Cluster: reading.Cluster})
		}
	}
	columns := append(nodes.Columns(&nodes.ListView{Columns: csvColumns(q)}), ui.Column[*node.Node]{
		CSV: "clusterProblem", Value: func(n *node.Node) string { return problems[n.Cluster] },
	})
	return writeCSV(w, "nodes", columns, listed(rows))
}

// allNodesJSON is the list of the nodes of all clusters.
type allNodesJSON struct {
	AsOf         *time.Time    `json:"asOf"`  // of the oldest cluster that answers; null without one
	Total        int           `json:"total"` // that the filters let through
	Nodes        int           `json:"nodes"` // in the clusters
	Page         int           `json:"page"`
	Size         int           `json:"size"`
	Items        []nodeJSON    `json:"items"`
	Groups       []node.Group  `json:"groups,omitempty"`
	UnknownNames []string      `json:"unknownNames,omitempty"`
	Clusters     []readingJSON `json:"clusters"`
}

// readingJSON is what the list has of one cluster.
type readingJSON struct {
	Cluster string     `json:"cluster"`
	AsOf    *time.Time `json:"asOf"` // null if its nodes are not known
	// Problem is why its nodes are missing, or only known from before.
	Problem *problemJSON `json:"problem,omitempty"`
}

func newAllNodesJSON(r *http.Request, p node.Page) allNodesJSON {
	out := allNodesJSON{
		AsOf: timeOrNull(p.AsOf), Total: p.Match, Nodes: p.Total, Page: p.Query.Page, Size: p.Query.Size,
		Items: nodeItems(p), Groups: p.Groups, UnknownNames: p.UnknownNames, Clusters: make([]readingJSON, len(p.Readings)),
	}
	for i, reading := range p.Readings {
		out.Clusters[i] = readingJSON{Cluster: reading.Cluster, AsOf: timeOrNull(reading.AsOf)}
		if reading.Problem != nil {
			problem := newProblemJSON(ui.NewProblem(r.Context(), reading.Problem))
			out.Clusters[i].Problem = &problem
		}
	}
	return out
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
