package nodes

import (
	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// stripPart is the part of one state; X and Width are out of stripWidth.
type stripPart struct {
	Kind    string // class: "ok", "warn", "hold", "bad"
	Count   int
	X       int
	Width   int
	URL     string
	Current bool
}

// stripParts returns the parts of the strip. The part of a rare state is widened so
// that it can be seen, at the cost of the widest.
func stripParts(v *ListView) []stripPart {
	s := v.Page.Summary
	parts := []stripPart{
		{Kind: "ok", Count: s.Ready, URL: stripURL(v, node.StatusReady, node.Schedulable)},
		{Kind: "warn", Count: s.Limited, URL: stripURL(v, node.StatusReady, node.Limited)},
		{Kind: "hold", Count: s.Cordoned, URL: stripURL(v, node.StatusReady, node.Cordoned)},
		{Kind: "bad", Count: s.NotReady, URL: stripURL(v, node.StatusNotReady, "")},
	}
	layStrip(parts)
	here := ui.NodesURL(v.Cluster, firstPage(v.Page.Query))
	for i := range parts {
		parts[i].Current = parts[i].URL == here
		if parts[i].Current {
			parts[i].URL = stripURL(v, "", "") // a second click removes the filter
		}
	}
	return parts
}

const (
	stripWidth = 1000
	stripLeast = 6 // width of a part
	stripGap   = 2 // between two parts
)

// layStrip sets the position and the width of each part.
func layStrip(parts []stripPart) {
	total, shown := 0, 0
	for _, p := range parts {
		total += p.Count
		if p.Count > 0 {
			shown++
		}
	}
	if total == 0 {
		return
	}
	setWidths(parts, total, stripWidth-stripGap*(shown-1))
	x := 0
	for i := range parts {
		parts[i].X = x
		if parts[i].Count > 0 {
			x += parts[i].Width + stripGap
		}
	}
}

// setWidths divides the room among the parts by their counts.
func setWidths(parts []stripPart, total, room int) {
	left, widest := room, 0
	for i, p := range parts {
		if p.Count > 0 {
			parts[i].Width = max(p.Count*room/total, stripLeast)
			left -= parts[i].Width
		}
		if p.Count > parts[widest].Count {
			widest = i
		}
	}
	parts[widest].Width += left
}

// stripURL returns the table filtered only by state, because the strip counts the
// nodes of the whole cluster.
func stripURL(v *ListView, status, scheduling string) string {
	q := unfiltered(v.Page.Query)
	q.Status, q.Scheduling = status, scheduling
	return ui.NodesURL(v.Cluster, q)
}
