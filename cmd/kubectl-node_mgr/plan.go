package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A plan is what the server would do. Only what is shown is read of it.
type plan struct {
	Operation text
	Nodes     []plannedNode
	Summary   struct{ Total, Changed, Unchanged, Blocked int }
	Digest    string
	Drain     *drainPlan
	Evictions struct {
		Pods   int
		Unread bool
	}
	Named    []text
	Refusal  *struct{ Message text }
	Reach    []reach
	Start    start
	Exceeded []room
	Waits    bool
	Others   map[text][]struct{ Kind text }
}

type plannedNode struct {
	Node               text
	Change             change
	Warnings, Blockers []text
	Protected          []text
}

type reach struct {
	Kind, Name text
	Nodes, Of  int
}

type start struct {
	At       *time.Time
	Window   bool
	Approval bool
	Next     *struct{ From, Until time.Time }
}

// room is a limit of the cluster: how many nodes may be out of service.
type room struct {
	Kind, Name      text
	Max, Now, After int
}

type drainPlan struct {
	Nodes   []drainNode
	Budgets []demand
	Summary struct{ Evict, Restart, Skip, Wait, WaitCompleted, Acknowledge, Blocked, Never, Unknown int }
	Unread  []text
	Fit     *struct {
		Pods, Nodes int
		Fits        struct {
			Mark  text
			Value int
		}
	}
}

type drainNode struct {
	Node text
	Pods []pod
}

type pod struct {
	Namespace, Name, Verdict, Needs, Budget text
	Reasons                                 []text
}

type demand struct {
	Name            text
	Demand, Allowed int
	Never           text
}

// shown is how many of a list are shown.
const shown = 10

// write writes the plan.
func (p plan) write(w io.Writer, cluster string) {
	_, _ = fmt.Fprintf(w, "Plan: %s %s of cluster %s\n", p.Operation, count(p.Summary.Total, "node"), clean(cluster))
	for _, line := range slices.Concat(p.changes(), p.drainLines(), p.notes()) {
		_, _ = fmt.Fprintln(w, " ", line)
	}
	_, _ = fmt.Fprintf(w, "%d to change, %d unchanged, %d not possible\n",
		p.Summary.Changed, p.Summary.Unchanged, p.Summary.Blocked)
}

// changes returns the nodes, those with the same change in one line.
func (p plan) changes() []string {
	nodes := map[string][]string{}
	for _, n := range p.Nodes {
		for _, line := range n.lines() {
			nodes[line] = append(nodes[line], string(n.Node))
		}
	}
	lines := sortedKeys(nodes)
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(len(nodes[b]), len(nodes[a])) })
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		out = append(out, strings.TrimSuffix(line, ".")+": "+listed(nodes[line], shown))
	}
	return out
}

// lines returns what a plan says of a node.
func (n plannedNode) lines() []string {
	var out []string
	switch changed := n.Change.text(); {
	case len(n.Blockers) > 0:
	case changed == "":
		out = append(out, "no change")
	default:
		out = append(out, changed)
	}
	for _, blocker := range n.Blockers {
		out = append(out, "NOT POSSIBLE: "+string(blocker))
	}
	for _, warning := range n.Warnings {
		out = append(out, "warning: "+string(warning))
	}
	if len(n.Protected) > 0 {
		out = append(out, "protected, left alone: "+joined(n.Protected))
	}
	return out
}

// drainLines returns the pods and the budgets of a drain.
func (p plan) drainLines() []string {
	if p.Drain == nil {
		return nil
	}
	s, lines := p.Drain.Summary, []string{}
	for _, part := range []struct {
		pods int
		what string
	}{
		{s.Evict, "to evict"},
		{s.Restart, "restarted by their Deployment"},
		{s.Wait, "already terminating"},
		{s.WaitCompleted, "waited for until they complete"},
		{s.Skip, "left alone"},
		{s.Acknowledge, "to be agreed to"},
		{s.Blocked, "held by a budget now"},
		{s.Never, "never let go by their budget"},
		{s.Unknown, "unknown"},
	} {
		if part.pods > 0 {
			lines = append(lines, fmt.Sprintf("%s %s", count(part.pods, "pod"), part.what))
		}
	}
	return slices.Concat(lines, p.Drain.held(), p.Drain.tight(), p.Drain.room())
}

// held returns the pods that do not simply go.
func (d drainPlan) held() []string {
	var lines []string
	for _, n := range d.Nodes {
		for _, one := range n.Pods {
			if slices.Contains([]text{"acknowledge", "blocked", "never", "unknown"}, one.Verdict) {
				lines = append(lines, fmt.Sprintf("%s/%s on %s: %s", one.Namespace, one.Name, n.Node, one.why()))
			}
		}
	}
	if len(lines) > shown {
		lines = append(lines[:shown], fmt.Sprintf("and %d more such pods", len(lines)-shown))
	}
	return lines
}

func (one pod) why() string {
	why := joined(one.Reasons)
	if one.Needs != "" {
		why += " (--" + flagOf(string(one.Needs)) + ")"
	}
	return why
}

// tight returns the budgets that do not allow all evictions at once.
func (d drainPlan) tight() []string {
	var lines []string
	for _, b := range d.Budgets {
		if b.Never == "" && b.Demand <= b.Allowed {
			continue
		}
		line := fmt.Sprintf("budget %s: %s to evict, %d allowed now", b.Name, count(b.Demand, "pod"), b.Allowed)
		if b.Never != "" {
			line += ". " + string(b.Never)
		}
		lines = append(lines, line)
	}
	return lines
}

func (d drainPlan) room() []string {
	var lines []string
	for _, what := range d.Unread {
		lines = append(lines, "could not be read: "+string(what))
	}
	if f := d.Fit; f != nil && f.Pods > 0 {
		lines = append(lines, fmt.Sprintf("room on other nodes for %d of %s (%s)",
			f.Fits.Value, count(f.Pods, "pod"), f.Fits.Mark))
	}
	return lines
}

func joined(texts []text) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = string(t)
	}
	return strings.Join(out, " ")
}
