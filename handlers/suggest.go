package handlers

import (
	"net/http"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
	"kube-node-manager/services/saved"
	"kube-node-manager/views/nodes"
)

const (
	// maxTyped is how many bytes of a search are looked at for suggestions. A longer text
	// is a pasted list of names.
	maxTyped = 400
	// maxRemembered is how many recent searches, and how many saved views, are suggested;
	// and how many words while nothing is typed.
	maxRemembered = 5
)

// Suggest answers what the search of nodes may become, as a list for find.js:
//
//	before, after  the text around the caret
//	cluster        of the table; none for all
//
// No cluster is called: the values are those of the nodes that are known.
func (h *Handlers) Suggest(w http.ResponseWriter, r *http.Request) error {
	cluster := r.URL.Query().Get("cluster")
	known, err := h.knownNodes(r, cluster)
	if err != nil {
		return err
	}
	before, after := r.URL.Query().Get("before"), r.URL.Query().Get("after")
	v := nodes.SuggestView{Cluster: cluster}
	if len(before)+len(after) <= maxTyped {
		start := strings.LastIndexAny(before, " \t") + 1
		end := strings.IndexAny(after+" ", " \t")
		v.Before, v.After = before[:start], after[end:]
		v.Words = node.Suggest(known, before[start:]+after[:end])
		v.Fresh = strings.TrimSpace(before+after) == ""
		if v.Fresh {
			v.Words = v.Words[:min(len(v.Words), maxRemembered)]
		}
		err = h.addRemembered(r, &v, strings.TrimSpace(before+after))
	}
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, nodes.Suggestions(v))
}

// knownNodes returns the nodes of a cluster that are known, or with "" those of all
// clusters that the actor sees.
func (h *Handlers) knownNodes(r *http.Request, cluster string) ([]*node.Node, error) {
	actor := services.ActorFrom(r.Context())
	if cluster != "" {
		_, err := h.clusterSeen(r, cluster)
		known, _ := h.Nodes.Known(cluster)
		return known.Nodes, err
	}
	var all []*node.Node
	for _, name := range h.ClusterNames(actor.Scope()) {
		known, _ := h.Nodes.Known(name)
		all = append(all, known.Nodes...)
	}
	return all, actor.Require(services.PermitSee)
}

// addRemembered adds the recent searches and the saved views that contain a text.
func (h *Handlers) addRemembered(r *http.Request, v *nodes.SuggestView, text string) error {
	searches, err := h.Saved.Searches(r.Context())
	if err != nil {
		return err
	}
	views, err := h.Saved.Views(r.Context())
	v.Searches = containing(searches, text, func(s string) string { return s })
	v.Views = containing(views, text, func(v saved.View) string { return v.Name })
	return err
}

// containing returns the first items that contain a text and are not the text itself.
func containing[T any](items []T, text string, textOf func(T) string) []T {
	var out []T
	for _, item := range items {
		its := strings.ToLower(textOf(item))
		if len(out) < maxRemembered && strings.Contains(its, strings.ToLower(text)) && textOf(item) != text {
			out = append(out, item)
		}
	}
	return out
}
