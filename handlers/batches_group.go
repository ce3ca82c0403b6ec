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
	"kube-node-manager/views/batches"
	"kube-node-manager/views/plan"
	"kube-node-manager/views/ui"
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

// GroupCreate starts a batch in each cluster of the nodes, or none at all.
func (h *Handlers) GroupCreate(w http.ResponseWriter, r *http.Request) error {
	s, err := h.submission(r)
	if err == nil {
		err = s.possible()
	}
	if err != nil {
		return err
	}
	err = s.agreed()
	var views []batch.View
	if err == nil {
		views, err = h.Batches.SubmitAll(r.Context(), s.requests)
	}
	switch {
	case err == nil:
		return h.answerGroup(w, r, views, s.Nodes)
	case wantsJSON(r) && planMoved(err):
		return h.refuseGroupMoved(w, r, s, err)
	case wantsJSON(r):
		return err
	case goesFar(err), services.CodeOf(err) == services.CodeInvalid && r.Form.Get("options") != "1":
		return h.goTo(w, r, ui.PreviewURL("")) // where the consent can be given
	case keepsForm(r, err):
		return h.showGroup(w, r, http.StatusUnprocessableEntity, s, err)
	case planMoved(err) && !isHTMX(r):
		return h.showGroup(w, r, http.StatusConflict, s, err)
	default:
		return err
	}
}

// GroupPreview says what GroupCreate would change, and writes nothing. In a browser it is
// a page with an address of its own.
func (h *Handlers) GroupPreview(w http.ResponseWriter, r *http.Request) error {
	return h.page(h.previewGroup)(w, r)
}

func (h *Handlers) previewGroup(w http.ResponseWriter, r *http.Request) error {
	s, err := h.submission(r)
	if done, err := h.refusal(w, r, s.Request, err); done {
		return err
	}
	if err == nil {
		err = s.possible()
	}
	if err != nil {
		return err
	}
	if !wantsJSON(r) {
		if err := h.followAddress(w, r); err != nil {
			return err
		}
		return h.showGroup(w, r, http.StatusOK, s, nil)
	}
	parts, digest, err := h.Batches.PreviewAll(r.Context(), s.requests)
	if err != nil {
		return err
	}
	planned := slices.ContainsFunc(parts, func(p batch.Part) bool { return p.Err == nil })
	if !planned {
		return parts[0].Err
	}
	return writeJSON(w, http.StatusOK, newGroupPlanJSON(r, s, parts, digest))
}

// wrongFields returns the error of the fields that a form has for all clusters, or nil.
func wrongFields(parts []batch.Part) error {
	for _, p := range parts {
		if services.CodeOf(p.Err) == services.CodeInvalid {
			return p.Err
		}
	}
	return nil
}

// showGroup answers the page of a plan over several clusters; problem is why it was not
// carried out.
func (h *Handlers) showGroup(w http.ResponseWriter, r *http.Request, status int, s submission, problem error) error {
	planned, digest, err := h.Batches.PreviewAll(r.Context(), s.requests)
	if err != nil {
		return err
	}
	wrong := wrongFields(planned)
	if problem == nil && wrong != nil {
		problem = wrong
	}
	if wrong != nil && !isHTMX(r) {
		status = http.StatusUnprocessableEntity
	}
	parts := make([]plan.View, len(planned))
	for i, p := range planned {
		parts[i] = h.planView(r, s.requests[i], p.Preview, p.Err)
	}
	whole := plan.View{
		Operation: s.Operation, Reason: s.Reason, Names: s.Nodes, Digest: digest, IdempotencyKey: newKey(),
		Back: backOf(r), Problem: ui.NewProblem(r.Context(), problem), Left: sortedKeys(leftOut(r.Form)),
		Rollout: planned[0].Rollout, Options: parts[0].Options,
	}
	if problem != nil {
		whole.Typed = r.Form
	}
	for _, c := range s.closed {
		whole.Closed = append(whole.Closed, plan.Closed{
			Cluster: c.name, Nodes: c.nodes, Why: ui.NewProblem(r.Context(), c.why), Agreed: c.agreed,
		})
	}
	v := plan.Group(whole, parts)
	if v.Change != nil && planMoved(problem) {
		v.Problem = ui.NewProblem(r.Context(), problem)
	}
	title := plan.Title(r.Context(), s.Operation, ui.T(r.Context(), "nodes_all"))
	return render(w, r, status, plan.GroupPage(h.frame(r, frameOfAll, title, ""), v))
}

// answerGroup answers new batches, as answerBatch does with one.
func (h *Handlers) answerGroup(w http.ResponseWriter, r *http.Request, views []batch.View, refs []string) error {
	if len(views) == 1 && !wantsJSON(r) {
		return h.answerBatch(w, r, views[0], refs...)
	}
	views, err := h.waitForAll(r, views)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if slices.ContainsFunc(views, func(v batch.View) bool { return !v.State.Ended() }) {
		status = http.StatusAccepted
	}
	address := groupAddress(views)
	w.Header().Set("Location", address)
	switch {
	case wantsJSON(r):
		return writeJSON(w, status, newGroupJSON(r, views))
	case !isHTMX(r):
		return redirect(w, r, address)
	}
	if status == http.StatusOK {
		w.Header().Set("HX-Trigger", "nodes-changed")
	}
	answer := batches.NewGroup(views, services.ActorFrom(r.Context()))
	answer.IdempotencyKey = newKey()
	if r.Form.Get("all") == "1" {
		answer.Acted = refs
	}
	return render(w, r, status, batches.GroupAnswer(answer))
}

// groupAddress returns the page of batches: that of the group, or of a batch alone.
func groupAddress(views []batch.View) string {
	if group := batch.GroupOf(views[0].ID); group != "" {
		return batches.GroupURL(group)
	}
	return ui.BatchURL(views[0].ID)
}

// waitForAll waits until all batches have ended, if they are small enough together.
func (h *Handlers) waitForAll(r *http.Request, views []batch.View) ([]batch.View, error) {
	together := views[0]
	for _, v := range views[1:] {
		together.Total += v.Total
	}
	until := h.now().Add(h.Batches.SyncWait(together))
	for i, v := range views {
		wait := max(0, until.Sub(h.now()))
		if wait == 0 {
			break
		}
		now, err := h.Batches.Wait(r.Context(), v.ID, wait)
		if err != nil {
			return nil, err
		}
		views[i] = now
	}
	return views, nil
}

// controlGroup does the same to every batch of a group that it applies to; nothing to do
// is the error of the first.
func (h *Handlers) controlGroup(
	w http.ResponseWriter, r *http.Request, id string, act func(id string) error,
) error {
	members, err := h.Batches.Group(r.Context(), id)
	if err != nil {
		return err
	}
	var refused error
	done := 0
	for _, m := range members {
		err := act(m.ID)
		if err == nil {
			done++
		} else if refused == nil {
			refused = err
		}
	}
	if done == 0 {
		return refused
	}
	return h.showGroupState(w, r, id)
}

func (h *Handlers) showGroupState(w http.ResponseWriter, r *http.Request, id string) error {
	members, err := h.Batches.Group(r.Context(), id)
	switch {
	case err != nil:
		return err
	case isHTMX(r):
		panel := batches.GroupPanel(batches.NewGroup(members, services.ActorFrom(r.Context())))
		return render(w, r, http.StatusOK, panel)
	default:
		return redirect(w, r, batches.GroupURL(id))
	}
}

// groupJSON is the batches that one submission has started.
type groupJSON struct {
	Group   string      `json:"group,omitempty"` // their id in the history; none if there is one batch
	Batches []batchJSON `json:"batches"`
}

func newGroupJSON(r *http.Request, views []batch.View) groupJSON {
	out := groupJSON{Group: batch.GroupOf(views[0].ID)}
	for _, v := range views {
		out.Batches = append(out.Batches, newListedBatchJSON(v))
	}
	return out
}

// groupPlanJSON is a plan over several clusters.
type groupPlanJSON struct {
	Operation string            `json:"operation"`
	Plans     []clusterPlanJSON `json:"plans"`
	// LeftOut are the clusters where it is not possible. Their nodes are left out if
	// "leave" names the cluster; otherwise nothing is started.
	LeftOut []leftOutJSON `json:"leftOut"`
	// Digest is what "plan" carries when all plans are to be carried out as shown.
	Digest string `json:"digest"`
}

type clusterPlanJSON struct {
	Cluster string       `json:"cluster"`
	Plan    *planJSON    `json:"plan,omitempty"`
	Problem *problemJSON `json:"problem,omitempty"` // why there is no plan
}

type leftOutJSON struct {
	Cluster string      `json:"cluster"`
	Nodes   int         `json:"nodes"`
	Problem problemJSON `json:"problem"`
	Agreed  bool        `json:"agreed"`
}

func newGroupPlanJSON(r *http.Request, s submission, parts []batch.Part, digest string) groupPlanJSON {
	out := groupPlanJSON{
		Operation: s.Operation, Digest: digest, Plans: make([]clusterPlanJSON, len(parts)), LeftOut: []leftOutJSON{},
	}
	for i, p := range parts {
		out.Plans[i].Cluster = p.Cluster
		if p.Err != nil {
			problem := newProblemJSON(ui.NewProblem(r.Context(), p.Err))
			out.Plans[i].Problem = &problem
			continue
		}
		one := newPlanJSON(r, s.Operation, p.Preview)
		out.Plans[i].Plan = &one
	}
	for _, c := range s.closed {
		problem := newProblemJSON(ui.NewProblem(r.Context(), c.why))
		out.LeftOut = append(out.LeftOut, leftOutJSON{c.name, c.nodes, problem, c.agreed})
	}
	return out
}

// groupMovedJSON answers a script whose plans have changed: what was wrong, and the plans
// as they are now.
type groupMovedJSON struct {
	errorJSON
	Plan *groupPlanJSON `json:"plan,omitempty"` // nil for any other conflict
}

func (h *Handlers) refuseGroupMoved(w http.ResponseWriter, r *http.Request, s submission, problem error) error {
	parts, digest, err := h.Batches.PreviewAll(r.Context(), s.requests)
	if err != nil {
		return problem
	}
	now := newGroupPlanJSON(r, s, parts, digest)
	said := newProblemJSON(ui.NewProblem(r.Context(), problem))
	return writeJSON(w, http.StatusConflict, groupMovedJSON{errorJSON{said}, &now})
}
