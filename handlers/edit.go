package handlers

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// Edit answers the form that edits the labels, taints or annotations of the nodes
// that are named or match; with HTMX, what is wrong in its fields so far.
func (h *Handlers) Edit(page operation.Page) handler {
	e, _ := editorOf(string(page))
	return h.page(func(w http.ResponseWriter, r *http.Request) error {
		if isHTMX(r) {
			return h.checkEdit(w, r, e)
		}
		q, err := h.selection(r)
		if err != nil {
			return err
		}
		return h.showEdit(w, r, http.StatusOK, e, q, nil)
	})
}

// selection reads which nodes a form is for. The services refuse who may not
// change them; to fill in a form for nothing is no use to anybody either.
func (h *Handlers) selection(r *http.Request) (batch.Request, error) {
	if err := h.requireChange(r); err != nil {
		return batch.Request{}, err
	}
	if pathParam(r, "cluster") == "" {
		s, err := h.submission(r)
		return s.Request, err
	}
	if _, err := h.clusterSeen(r, pathParam(r, "cluster")); err != nil {
		return batch.Request{}, err
	}
	q, err := h.batchRequest(r)
	if err == nil && len(q.Nodes) == 0 {
		err = services.Invalid("node", "error_nodes_none")
	}
	return q, err
}

// checkEdit says what is wrong with each field, and what the form does by now.
func (h *Handlers) checkEdit(w http.ResponseWriter, r *http.Request, e editor) error {
	got := e.rows(r.Form)
	var names []string
	for _, id := range rowIDs(r.Form) {
		if r.Form.Has("set." + id) {
			names = append(names, "set."+id)
		}
	}
	fields := nodes.EditFields(names, len(newRows(r.Form)), e.field)
	return render(
		w, r, http.StatusOK, nodes.EditChecked(fields, ui.NewProblem(r.Context(), got.wrong.Err()), e.effect(r.Form, got)),
	)
}

func (e editor) effect(form url.Values, got rows) nodes.EditEffect {
	return nodes.EditEffect{
		Page: e.page, Replace: form.Get("mode") == operation.ModeReplace, Keep: form.Get("overwrite") == "0",
		Entries: e.shown(got.entries), Wrong: len(got.wrong) > 0,
	}
}

// shown returns entries as the page tells them apart.
func (e editor) shown(entries []string) []nodes.EditEntry {
	out := make([]nodes.EditEntry, len(entries))
	for i, text := range entries {
		parsed, _ := e.parse(text) // it was parsed when it was taken
		out[i] = nodes.EditEntry{Text: text, Removes: parsed.removes}
	}
	return out
}

// showEdit answers the form, as it was typed when it was, with what is wrong in
// it.
func (h *Handlers) showEdit(
	w http.ResponseWriter, r *http.Request, status int, e editor, q batch.Request, problem error,
) error {
	all, chosen, err := h.editedNodes(r, q)
	if err != nil {
		return err
	}
	v := nodes.EditView{
		Cluster: q.Cluster, Page: e.page, Operation: e.operation, Field: e.field, Names: q.Nodes, Found: len(chosen),
		Reason: q.Reason, Back: backOf(r),
		Mode: cmp.Or(r.Form.Get("mode"), operation.ModeAdd), Keep: r.Form.Get("overwrite") == "0",
		Problem: ui.NewProblem(r.Context(), problem),
	}
	for _, s := range e.spread(chosen) {
		if e.protects(h.Protect, s) {
			v.Locked = append(v.Locked, s)
		} else {
			value, _ := s.Common()
			v.Rows = append(v.Rows, nodes.EditRow{Spread: s, Value: value})
		}
	}
	if r.Form.Has("edit") {
		e.retype(&v, r.Form)
	} else {
		e.resume(&v, r.Form)
	}
	v.Effect = e.effect(r.Form, e.rows(typedForm(e, v)))
	v.Keys, v.Values = e.suggest(all)
	v.New = append(v.New, blankRows(v.New, r.Form.Get("more") == "1")...)
	f := h.frame(r, framePart(q.Cluster), ui.N(r.Context(), "edit_title_"+string(e.page), len(q.Nodes)), q.Cluster)
	return render(w, r, status, nodes.EditPage(f, v))
}

// editedNodes returns all nodes of a cluster, and those of them that a request is about.
// Without a cluster they are those of all clusters of the request.
func (h *Handlers) editedNodes(r *http.Request, q batch.Request) (all, chosen []*node.Node, err error) {
	wanted := make(map[string]bool, len(q.Nodes))
	for _, name := range q.Nodes {
		wanted[name] = true
	}
	if q.Cluster != "" {
		found, err := h.Nodes.All(r.Context(), q.Cluster, false)
		return found.Nodes, nodesOf(found.Nodes, func(n *node.Node) bool { return wanted[n.Name] }), err
	}
	readings, err := h.Nodes.MatchAll(r.Context(), clustersOf(q), node.Query{})
	for _, reading := range readings {
		all = append(all, reading.Matched()...)
	}
	return all, nodesOf(all, func(n *node.Node) bool { return wanted[n.Ref().String()] }), err
}

// clustersOf returns the cluster of a request, or, if its nodes are references, all of
// theirs.
func clustersOf(q batch.Request) []string {
	if q.Cluster != "" {
		return []string{q.Cluster}
	}
	clusters := map[string]bool{}
	for _, text := range q.Nodes {
		ref, _ := node.ParseRef(text)
		clusters[ref.Cluster] = true
	}
	return sortedKeys(clusters)
}

func nodesOf(all []*node.Node, wanted func(*node.Node) bool) []*node.Node {
	return slices.DeleteFunc(slices.Clone(all), func(n *node.Node) bool { return !wanted(n) })
}

// retype puts what was typed back into the form. What was typed about a key
// that no node has any more is kept as something to add.
func (e editor) retype(v *nodes.EditView, form url.Values) {
	rest := map[string]bool{}
	for _, id := range rowIDs(form) {
		rest[id] = true
	}
	for i := range v.Rows {
		r := &v.Rows[i]
		id := r.ID()
		delete(rest, id)
		if form.Has("set." + id) {
			r.Value = form.Get("set." + id)
		}
		r.Every, r.Remove = slices.Contains(form["every"], id), slices.Contains(form["unset"], id)
	}
	v.New, v.Text = newRows(form), strings.Join(form[e.field], "\n")
	for _, id := range slices.Sorted(maps.Keys(rest)) {
		if value, wanted := rowValue(form, id); wanted {
			v.New = append(v.New, e.newRow(id, value))
		}
	}
}

// resume puts the entries of a plan back into the rows that they came from, so
// that going back loses nothing.
func (e editor) resume(v *nodes.EditView, form url.Values) {
	var rest []string
	removes := v.Mode == operation.ModeRemove // the form has no such mode: it adds what removes
	if removes {
		v.Mode = operation.ModeAdd
	}
	entries := e.split(form[e.field])
	if len(entries) > operation.MaxEntries { // they came from no plan
		v.Text = strings.Join(form[e.field], "\n")
		return
	}
	for _, text := range entries {
		parsed, err := e.parse(text)
		i := slices.IndexFunc(v.Rows, func(r nodes.EditRow) bool { return r.ID() == parsed.id })
		remove := parsed.removes || removes
		switch {
		case err == nil && remove && i >= 0:
			v.Rows[i].Remove = true
		case err == nil && !remove && i >= 0:
			v.Rows[i].Value, v.Rows[i].Every = parsed.value, true
		case err == nil && !remove:
			v.New = append(v.New, e.newRow(parsed.id, parsed.value))
		case removes && !strings.HasSuffix(text, "-"):
			rest = append(rest, text+"-")
		default:
			rest = append(rest, text)
		}
	}
	v.Text = strings.Join(rest, "\n")
}

func (e editor) newRow(id, value string) nodes.EditNew {
	if e.page != operation.PageTaints {
		return nodes.EditNew{Key: id, Value: value}
	}
	key, effect, _ := strings.Cut(id, ":")
	return nodes.EditNew{Key: key, Value: value, Effect: effect}
}

// typedForm is the form as the page shows it, so that what it says it does is
// what it would send.
func typedForm(e editor, v nodes.EditView) url.Values {
	form := url.Values{"mode": {v.Mode}, e.field: {v.Text}}
	for _, r := range v.Rows {
		form.Set("set."+r.ID(), r.Value)
		if was, common := r.Common(); common {
			form.Set("was."+r.ID(), was)
		}
		if r.Every {
			form.Add("every", r.ID())
		}
		if r.Remove {
			form.Add("unset", r.ID())
		}
	}
	for _, n := range v.New {
		form.Add("new_key", n.Key)
		form.Add("new_value", n.Value)
		form.Add("new_effect", n.Effect)
	}
	return form
}

const (
	blankAtLeast = 2
	blankMore    = 5
)

// blankRows are the rows to add that stand there empty.
func blankRows(typed []nodes.EditNew, more bool) []nodes.EditNew {
	blank := 0
	for _, n := range slices.Backward(typed) {
		if n.Key+n.Value != "" {
			break
		}
		blank++
	}
	missing := max(0, blankAtLeast-blank)
	if more {
		missing = blankMore
	}
	return slices.Repeat(
		[]nodes.EditNew{{Effect: operation.Effects()[0]}}, min(missing, maxNewRows-min(maxNewRows, len(typed))),
	)
}

// How many suggestions a form carries, and from how many values on a key names
// each node for itself, so that nobody means its values.
const (
	suggestedKeys   = 300
	suggestedValues = 300
	ownValues       = 50
)

// suggest returns the keys and values that exist in the cluster.
func (e editor) suggest(nodes []*node.Node) (keys, values []string) {
	seen := map[string]bool{}
	for _, s := range e.spread(nodes) {
		keys = append(keys, s.Key)
		for _, v := range s.Values {
			if v.Value != "" && len(s.Values) <= ownValues {
				seen[v.Value] = true
			}
		}
	}
	keys, values = slices.Compact(keys), slices.Sorted(maps.Keys(seen))
	return keys[:min(len(keys), suggestedKeys)], values[:min(len(values), suggestedValues)]
}

// refusal returns the page of the form that a request for a plan came from, as it
// was typed, or false when it did not come from one.
func (h *Handlers) refusal(w http.ResponseWriter, r *http.Request, q batch.Request, problem error) (bool, error) {
	if services.CodeOf(problem) != services.CodeInvalid || wantsJSON(r) || isHTMX(r) {
		return false, nil
	}
	if e, ok := editorOf(r.Form.Get("edit")); ok {
		return true, h.showEdit(w, r, http.StatusUnprocessableEntity, e, q, problem)
	}
	if r.Form.Get("edit") == string(operation.PageCopy) {
		return true, h.showCopy(w, r, http.StatusUnprocessableEntity, q, problem)
	}
	if r.Form.Get("template") != "" && r.Form.Get("options") != "1" {
		return true, h.refuseTemplate(r, q, problem)
	}
	return false, nil
}

// unfold returns a request with what its form says in rows as entries. One that
// came from no form is as it was.
func unfold(q batch.Request) (batch.Request, error) {
	typed := url.Values(q.Fields)
	if typed.Get("edit") == string(operation.PageCopy) {
		typed = maps.Clone(typed)
		typed.Set("source", strings.TrimSpace(chosenSource(typed)))
		typed.Del("source_other")
		typed.Del("edit")
		q.Fields = form.Fields(typed)
		return q, nil
	}
	e, ok := editorOf(typed.Get("edit"))
	if !ok {
		return q, nil
	}
	got := e.rows(typed)
	if err := got.wrong.Err(); err != nil {
		return q, err
	}
	q.Operation, q.Fields = e.operation, form.Fields(e.canonical(typed, got.entries))
	return q, nil
}
