package handlers

import (
	"io"
	"net/http"
	"strings"

	"kube-node-manager/services"
)

// NodesNames answers the name of every node that matches, one on each line: for scripts,
// and for the table where somebody selects a whole group.
func (h *Handlers) NodesNames(w http.ResponseWriter, r *http.Request) error {
	names, err := h.matchingNames(r, pathParam(r, "cluster"), r.URL.Query())
	if err != nil {
		return err
	}
	return writeLines(w, names)
}

// NodesAllNames is NodesNames for the nodes of all clusters. They are named as forms name
// them, with their cluster. With changeable=1 it leaves out those that the actor may not
// change, or that are only known from before.
func (h *Handlers) NodesAllNames(w http.ResponseWriter, r *http.Request) error {
	q, clusters, err := h.queryOfAll(r)
	if err != nil {
		return err
	}
	readings, err := h.Nodes.MatchAll(r.Context(), clusters, q)
	if err != nil {
		return err
	}
	changeable := r.URL.Query().Get("changeable") == "1"
	var names []string
	for _, reading := range readings {
		may := services.ActorFrom(r.Context()).In(reading.Cluster).May(services.PermitChange)
		if changeable && (!may || reading.Problem != nil) {
			continue
		}
		for _, n := range reading.Matched() {
			names = append(names, n.Ref().String())
		}
	}
	return writeLines(w, names)
}

// writeLines writes lines of text as the whole answer.
func writeLines(w http.ResponseWriter, lines []string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, strings.Join(append(lines, ""), "\n")) // a reader that has gone is not told
	return nil
}
