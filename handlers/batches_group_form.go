package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
)

// submission is what a form asks of the nodes of several clusters.
type submission struct {
	batch.Request                 // as it was typed; its nodes are references
	requests      []batch.Request // one for each cluster where it is possible
	closed        []closedCluster
}

// closedCluster is a cluster where it is not possible.
type closedCluster struct {
	name   string
	nodes  int
	why    error
	agreed bool // to leave its nodes out
}

// submission reads the form of a batch over several clusters. Its nodes are those that
// are named, or all that match the list's query, but for the exceptions.
func (h *Handlers) submission(r *http.Request) (submission, error) {
	if err := parseForm(r); err != nil {
		return submission{}, err
	}
	typed := requestOf(r)
	if err := checkSpanning(typed); err != nil {
		return submission{Request: typed}, err
	}
	chosen, err := h.chosenRefs(r)
	s := submission{Request: typed}
	for _, c := range chosen {
		for _, name := range c.names {
			s.Nodes = append(s.Nodes, node.Ref{Cluster: c.reading.Cluster, Name: name}.String())
		}
	}
	if err != nil {
		return s, err
	}
	asked, err := unfold(typed)
	for _, c := range chosen {
		s.add(r, asked, c)
	}
	s.Request.Operation, s.Request.Fields = asked.Operation, asked.Fields
	return s, err
}

// checkSpanning refuses what is only possible in one cluster.
func checkSpanning(q batch.Request) error {
	traits := operation.TraitsOf(q.Operation)
	alone := []operation.Page{operation.PageCopy, operation.PageUndo, operation.PagePod}
	if q.RetryOf != "" || slices.Contains(alone, traits.Page) {
		return services.Invalid("operation", "error_group_operation")
	}
	return nil
}

// add adds the nodes of a cluster: to the requests, or to what is closed.
func (s *submission) add(r *http.Request, asked batch.Request, c chosenNodes) {
	cluster, actor := c.reading.Cluster, services.ActorFrom(r.Context()).In(c.reading.Cluster)
	why := actor.Require(operation.TraitsOf(asked.Operation).Permit)
	if why == nil {
		why = c.reading.Problem
	}
	if why != nil {
		agreed := slices.Contains(r.Form["leave"], cluster)
		s.closed = append(s.closed, closedCluster{cluster, len(c.names), why, agreed})
		return
	}
	q := asked
	q.Cluster, q.Nodes = cluster, c.names
	q.Consents = consentsIn(asked.Consents, r.Form, cluster)
	s.requests = append(s.requests, q)
}

// consentsIn returns what a form confirms for a cluster: its own name, and the number of
// its own pods.
func consentsIn(given batch.Consents, form url.Values, cluster string) batch.Consents {
	if slices.Contains(form["confirm"], cluster) {
		given.Typed = cluster
	}
	given.Exceed = ""
	if slices.Contains(form["exceed"], cluster) {
		given.Exceed = cluster
	}
	given.Pods, given.PodsUnknown = nil, false
	for _, value := range form["confirm_pods"] {
		ref, ok := node.ParseRef(value)
		if !ok || ref.Cluster != cluster {
			continue
		}
		of := batch.ReadConsents(map[string][]string{"confirm_pods": {ref.Name}})
		given.Pods, given.PodsUnknown = of.Pods, of.PodsUnknown
	}
	return given
}

// chosenNodes are nodes of one cluster, and what is known of it.
type chosenNodes struct {
	reading node.Reading
	names   []string
}

// chosenRefs returns the nodes that a form is about, by cluster.
func (h *Handlers) chosenRefs(r *http.Request) ([]chosenNodes, error) {
	if r.Form.Get("all") == "1" {
		return h.matchingRefs(r)
	}
	out, byCluster := leftOut(r.Form), map[string][]string{}
	var clusters []string
	for _, text := range nodeNames(r.Form) {
		ref, ok := node.ParseRef(text)
		if !ok {
			return nil, services.Invalid("node", "error_node_ref", "Name", services.Clip(text))
		}
		if out[text] {
			continue
		}
		if byCluster[ref.Cluster] == nil {
			clusters = append(clusters, ref.Cluster)
		}
		byCluster[ref.Cluster] = append(byCluster[ref.Cluster], ref.Name)
	}
	if len(clusters) == 0 {
		return nil, services.Invalid("node", "error_nodes_none")
	}
	slices.Sort(clusters)
	for _, cluster := range clusters {
		if _, err := h.clusterSeen(r, cluster); err != nil {
			return nil, err
		}
	}
	readings, err := h.Nodes.MatchAll(r.Context(), clusters, node.Query{})
	chosen := make([]chosenNodes, len(readings))
	for i, reading := range readings {
		chosen[i] = chosenNodes{reading, byCluster[reading.Cluster]}
	}
	return chosen, err
}

// matchingRefs returns all nodes that match the list's query, by cluster.
func (h *Handlers) matchingRefs(r *http.Request) ([]chosenNodes, error) {
	q, err := nodeQuery(listQuery(r.Form))
	if err != nil {
		return nil, err
	}
	q.Clusters = append(slices.Clone(r.Form["cluster"]), r.Form["filter.cluster"]...)
	clusters, err := h.namedClusters(r, &q)
	if err != nil {
		return nil, err
	}
	readings, err := h.Nodes.MatchAll(r.Context(), clusters, q)
	if err != nil {
		return nil, err
	}
	out := leftOut(r.Form)
	var chosen []chosenNodes
	for _, reading := range readings {
		c := chosenNodes{reading: reading}
		for _, n := range reading.Matched() {
			if !out[n.Ref().String()] {
				c.names = append(c.names, n.Name)
			}
		}
		if len(c.names) > 0 {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, services.Invalid("node", "error_nodes_none")
	}
	return chosen, nil
}

// possible returns an error if there is no such operation, or if it is not possible in any
// of the clusters.
func (s submission) possible() error {
	if _, err := operation.Find(s.Operation); err != nil {
		return err
	}
	if len(s.requests) == 0 && len(s.closed) > 0 {
		return s.closed[0].why
	}
	return nil
}

// agreed returns an error unless it was agreed to leave out the nodes of every closed
// cluster.
func (s submission) agreed() error {
	var clusters []string
	for _, c := range s.closed {
		if !c.agreed {
			clusters = append(clusters, c.name)
		}
	}
	if len(clusters) == 0 {
		return nil
	}
	return services.Invalid("leave", "error_leave", "Clusters", strings.Join(clusters, ", "))
}
