package main

import (
	"fmt"
	"slices"
)

// notes returns what a plan wants to be agreed to, with the flag for it, and when it would
// begin.
func (p plan) notes() []string {
	return slices.Concat(p.reachNotes(), p.consentNotes(), p.limitNotes(), p.startNotes())
}

func (p plan) reachNotes() []string {
	var lines []string
	for _, r := range p.Reach {
		line := fmt.Sprintf("WIDE: %d of %s of the cluster (--reach)", r.Nodes, count(r.Of, "node"))
		if r.Kind != "share" {
			line = fmt.Sprintf("WIDE: no node of %s takes pods afterwards (--reach)", partOf(r.Kind, r.Name))
		}
		lines = append(lines, line)
	}
	return lines
}

func (p plan) consentNotes() []string {
	var lines []string
	if len(p.Named) > 0 {
		lines = append(lines, "protected: "+joined(p.Named)+" (--confirm CLUSTER)")
	}
	if p.Evictions.Pods > 0 {
		lines = append(lines, fmt.Sprintf("NoExecute evicts %s at once, without regard to budgets (--confirm-pods %d)",
			count(p.Evictions.Pods, "pod"), p.Evictions.Pods))
	}
	if p.Evictions.Unread {
		lines = append(lines, "NoExecute evicts pods that cannot be counted (--confirm-pods unknown)")
	}
	for _, node := range sortedKeys(p.Others) {
		for _, other := range p.Others[node] {
			lines = append(lines, fmt.Sprintf("others at work on %s: %s (--others)", node, other.Kind))
		}
	}
	return lines
}

func (p plan) limitNotes() []string {
	var lines []string
	for _, limit := range p.Exceeded {
		how := "refused (--exceed CLUSTER)"
		if p.Waits {
			how = "the batch waits for room"
		}
		lines = append(lines, fmt.Sprintf("limit: %s: %s", limit.text(), how))
	}
	return lines
}

// text returns a limit in words.
func (r room) text() string {
	return fmt.Sprintf("of the nodes of %s, at most %d may be out of service; now %d, then %d",
		partOf(r.Kind, r.Name), r.Max, r.Now, r.After)
}

// partOf returns a part of the cluster in words.
func partOf(kind, name text) string {
	switch kind {
	case "cluster":
		return "the cluster"
	case "control-plane":
		return "the control plane"
	default:
		return string(kind) + " " + string(name)
	}
}

func (p plan) startNotes() []string {
	var lines []string
	if p.Start.Approval {
		lines = append(lines, "a second person has to approve it")
	}
	if p.Start.At != nil {
		lines = append(lines, "begins at "+clock(*p.Start.At))
	}
	if p.Start.Window && p.Start.Next != nil {
		lines = append(lines, fmt.Sprintf("works in the window from %s to %s", clock(p.Start.Next.From),
			clock(p.Start.Next.Until)))
	}
	return lines
}

// obstacle says why a plan cannot be carried out; nil if it can.
func (p plan) obstacle() error {
	switch {
	case p.Refusal != nil:
		return refuse("the cluster refuses the change: %s", p.Refusal.Message)
	case p.Summary.Total > 0 && p.Summary.Blocked == p.Summary.Total:
		return refuse("nothing of this is possible")
	case p.Drain != nil && p.Drain.Summary.Acknowledge > 0:
		return refuse("pods need a consent: give %s, or leave their nodes out with --except", p.Drain.needed())
	default:
		return nil
	}
}

// needed returns the flags that the pods of a drain need.
func (d drainPlan) needed() string {
	found := map[string]bool{}
	for _, n := range d.Nodes {
		for _, one := range n.Pods {
			if one.Verdict == "acknowledge" {
				found["--"+flagOf(string(one.Needs))] = true
			}
		}
	}
	return listed(sortedKeys(found), len(found))
}
