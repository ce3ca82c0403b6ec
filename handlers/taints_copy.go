package handlers

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/node"
	"kube-node-manager/services/operation"
	"kube-node-manager/views/nodes"
	"kube-node-manager/views/ui"
)

// TaintsCopy answers the form that copies one node's taints to those that are
// named or match.
func (h *Handlers) TaintsCopy(w http.ResponseWriter, r *http.Request) error {
	return h.page(func(w http.ResponseWriter, r *http.Request) error {
		q, err := h.selection(r)
		if err != nil {
			return err
		}
		return h.showCopy(w, r, http.StatusOK, q, nil)
	})(w, r)
}

// What the form offers at most; any other node can be typed.
const (
	copySets    = 12
	copyTainted = 500
)

func (h *Handlers) showCopy(w http.ResponseWriter, r *http.Request, status int, q batch.Request, problem error) error {
	ctx, cancel := reading(r)
	defer cancel()
	all, err := h.Nodes.All(ctx, q.Cluster, false)
	if err != nil {
		h.noteSilence(q.Cluster, err)
		return err
	}
	v := nodes.CopyView{
		Cluster: q.Cluster, Names: q.Nodes, Source: chosenSource(r.Form), Reason: q.Reason,
		Mode: cmp.Or(r.Form.Get("mode"), operation.ModeReplace), Problem: ui.NewProblem(r.Context(), problem),
		Back: backOf(r),
	}
	v.Sets, v.Tainted = h.taintSets(all.Nodes)
	f := h.frame(r, "nodes", ui.N(r.Context(), "copy_title", len(q.Nodes)), q.Cluster)
	return render(w, r, status, nodes.CopyPage(f, v))
}

// chosenSource returns the source as a person chose it, or typed it.
func chosenSource(form url.Values) string {
	if source := form.Get("source"); source != nodes.OtherSource && source != "" {
		return source
	}
	return form.Get("source_other")
}

// taintSets puts nodes with the same taints together, those of most nodes first,
// and names every node that has something to copy. Protected taints tell no sets
// apart: they are not copied.
func (h *Handlers) taintSets(all []*node.Node) (sets []nodes.CopySet, names []string) {
	at := map[string]int{}
	for _, n := range all {
		copied, left := h.Protect.Split(n.Taints)
		if len(copied) == 0 {
			continue
		}
		names = append(names, n.Name)
		id := taintsText(copied)
		i, ok := at[id]
		if !ok {
			i = len(sets)
			at[id] = i
			sets = append(sets, nodes.CopySet{Taints: copied, Left: left})
		}
		sets[i].Nodes = append(sets[i].Nodes, n.Name)
	}
	slices.SortStableFunc(sets, func(a, b nodes.CopySet) int { return cmp.Compare(len(b.Nodes), len(a.Nodes)) })
	return sets[:min(len(sets), copySets)], names[:min(len(names), copyTainted)]
}

func taintsText(taints []node.Taint) string {
	texts := make([]string, len(taints))
	for i, t := range taints {
		texts[i] = t.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}
