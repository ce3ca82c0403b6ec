package nodes

import (
	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// stripPart is one state of the strip; X and Width are of 1000.
type stripPart struct {
	Kind    string // class: "ok", "warn", "hold", "bad"
	Count   int
	X       int
	Width   int
	URL     string
	Current bool
}

// stripParts lays the four states out in the strip. A part that exists is never
// thinner than a person can see, at the cost of the widest.
func stripParts(v ListView) []stripPart {
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
		if parts[i].Current = parts[i].URL == here; parts[i].Current {
			parts[i].URL = stripURL(v, "", "") // a second click takes the filter off
		}
	}
	return parts
}

const (
	stripWidth = 1000
	stripLeast = 6
	stripGap   = 2
)

func layStrip(parts []stripPart) {
	total, shown, widest := 0, 0, 0
	for i, p := range parts {
		total += p.Count
		if p.Count > 0 {
			shown++
		}
		if p.Count > parts[widest].Count {
			widest = i
		}
	}
	if total == 0 {
		return
	}
	room := stripWidth - stripGap*(shown-1)
	left := room
	for i := range parts {
		if parts[i].Count > 0 {
			parts[i].Width = max(parts[i].Count*room/total, stripLeast)
			left -= parts[i].Width
		}
	}
	parts[widest].Width += left
	x := 0
	for i := range parts {
		parts[i].X = x
		if parts[i].Count > 0 {
			x += parts[i].Width + stripGap
		}
	}
}

// stripURL filters by state alone: the strip counts the whole cluster, so what
// it leads to must not be narrowed by the other filters.
func stripURL(v ListView, status, scheduling string) string {
	q := v.Page.Query
	return ui.NodesURL(v.Cluster, node.Query{Status: status, Scheduling: scheduling, Sort: q.Sort, Desc: q.Desc, Size: q.Size, Apply: q.Apply})
}
