package handlers

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/operation"
	"kube-node-manager/services/store"
)

// BatchesKubectl answers the kubectl commands that make the changes which a batch has
// made, one in a line.
func (h *Handlers) BatchesKubectl(w http.ResponseWriter, r *http.Request) error {
	v, err := h.Batches.View(r.Context(), pathParam(r, "id"))
	if err != nil {
		return err
	}
	items, err := h.Batches.Items(r.Context(), v.ID)
	if err != nil {
		return err
	}
	commands, err := kubectlCommands(v.Batch, items)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	for _, command := range commands {
		if _, err := io.WriteString(w, command+"\n"); err != nil {
			return nil // the reader is gone
		}
	}
	return nil
}

// kubectlCommands returns the commands for the items of a batch that succeeded.
func kubectlCommands(b batch.Batch, items []batch.Item) ([]string, error) {
	d, err := operation.Find(b.Operation)
	if err != nil {
		return nil, err
	}
	params, err := d.Decode(b.Params)
	if err != nil {
		return nil, err
	}
	var changes []operation.NodeChange
	var restarted []string
	for _, it := range items {
		if it.State == store.ItemSucceeded && it.Before != nil && it.After != nil {
			changes = append(changes, operation.NodeChange{Node: it.Node, Before: *it.Before, After: *it.After})
			restarted = append(restarted, it.After.Restarted...)
		}
	}
	slices.Sort(restarted)
	return kubectlLines(params, changes, slices.Compact(restarted)), nil
}

// kubectlLines returns the commands for changes of nodes; those that restart Deployments
// come first.
func kubectlLines(p operation.Params, changes []operation.NodeChange, restarted []string) []string {
	nodes := make([]string, len(changes))
	for i, c := range changes {
		nodes[i] = c.Node
	}
	return append(operation.KubectlRestarts(p, nodes, restarted), operation.Kubectl(p, changes)...)
}

// plannedCommands returns the commands for a plan, one in a line; "" for none.
func plannedCommands(p batch.Preview) string {
	var changes []operation.NodeChange
	for _, n := range p.Nodes {
		if n.Changes() && len(n.Blockers) == 0 {
			changes = append(changes, operation.NodeChange{Node: n.Node, Before: n.Before, After: n.After})
		}
	}
	if p.Params == nil || len(changes) == 0 {
		return ""
	}
	return strings.Join(kubectlLines(p.Params, changes, plannedRestarts(p)), "\n")
}

// plannedRestarts returns the Deployments that a drain restarts first.
func plannedRestarts(p batch.Preview) []string {
	if p.Drain == nil || p.Drain.Counts.Restart == 0 {
		return nil
	}
	var names []string
	can, _ := p.Drain.Restarted()
	for _, w := range can {
		names = append(names, w.Name)
	}
	return names
}

// writeCommands answers the commands of a plan as a file.
func writeCommands(w http.ResponseWriter, name, commands string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.sh"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, commands+"\n") // an error means that the reader is gone
	return nil
}
