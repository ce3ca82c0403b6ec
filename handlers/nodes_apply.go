package handlers

import (
	"net/http"
	"strconv"
	"strings"

	"kube-node-manager/services"
	"kube-node-manager/views/nodes"
)

// applyTemplate returns the template that nodes are chosen for, of a query such
// as "labels-3". One that is gone, or no template at all, has no name: the page
// says so and is a table like any other.
func (h *Handlers) applyTemplate(r *http.Request, actor services.Actor, apply string) *nodes.ApplyTemplate {
	if apply == "" || !actor.May(services.PermitChange) {
		return nil
	}
	source, copies := strings.CutPrefix(apply, nodes.FromNode)
	if copies {
		return &nodes.ApplyTemplate{Source: source, Name: source}
	}
	kind, text, _ := strings.Cut(apply, "-")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return &nodes.ApplyTemplate{}
	}
	found, err := h.Templates.Get(r.Context(), kind, id)
	if err != nil {
		return &nodes.ApplyTemplate{}
	}
	return &nodes.ApplyTemplate{Kind: kind, ID: id, Name: found.Name}
}
