package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A progress shows a batch in the terminal: a bar, and what is waited for. Where lines cannot
// be replaced, it writes a line for each change, and not too many.
type progress struct {
	w       io.Writer
	redraws bool
	width   func() int
	now     func() time.Time

	drawn int       // lines that the next ones replace
	last  string    // what was written last
	at    time.Time // and when
}

// quiet is the least time between two lines where they cannot be replaced.
const quiet = 5 * time.Second

// show shows a batch as it is now.
func (p *progress) show(b batch) {
	lines := append([]string{bar(b)}, waits(b, p.now())...)
	if !p.redraws {
		p.add(b, lines)
		return
	}
	p.erase()
	width := max(p.width(), 20)
	for _, line := range lines {
		_, _ = fmt.Fprintln(p.w, clipped(line, width-1))
	}
	p.drawn = len(lines)
}

// erase removes the lines that were drawn.
func (p *progress) erase() {
	if p.drawn > 0 {
		_, _ = fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
	}
	p.drawn = 0
}

func (p *progress) add(b batch, lines []string) {
	said := strings.Join(append([]string{b.Counts.text()}, lines[1:]...), "; ")
	if said == p.last || p.now().Sub(p.at) < quiet && !b.ended() {
		return
	}
	p.last, p.at = said, p.now()
	_, _ = fmt.Fprintf(p.w, "%d of %s: %s\n", b.Counts.done(), count(b.Total, "node"), said)
}

func clipped(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}

// barWidth is the number of signs of a bar.
const barWidth = 30

// bar returns the bar of a batch and its counts.
func bar(b batch) string {
	full := 0
	if b.Total > 0 {
		full = barWidth * b.Counts.done() / b.Total
	}
	line := fmt.Sprintf("[%s%s] %d of %s: %s", strings.Repeat("#", full), strings.Repeat("-", barWidth-full),
		b.Counts.done(), count(b.Total, "node"), b.Counts.text())
	if d := b.Drain; d != nil {
		line += fmt.Sprintf("; %s left, %d evicted", count(d.PodsLeft, "pod"), d.PodsEvicted)
	}
	return line
}

// waits returns what a batch waits for.
func waits(b batch, now time.Time) []string {
	var lines []string
	if why := b.stands(); why != "" && !b.ended() {
		lines = append(lines, "batch "+why)
	}
	if b.Closed != nil {
		lines = append(lines, "rests outside of the maintenance window"+until(b.Closed.Until))
	}
	if len(b.WaitsFor) > 0 {
		lines = append(lines, "waits for batches that have some of its nodes: "+joined(b.WaitsFor))
	}
	if b.Full != nil {
		lines = append(lines, "waits for room: "+b.Full.text())
	}
	for _, l := range b.Leases {
		lines = append(lines, fmt.Sprintf("waits for the lease of %s, which %s holds", l.Node, l.Holder))
	}
	return slices.Concat(lines, b.gateWaits(), b.drainWaits(now), b.lastWaits())
}

func until(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " until " + clock(*t)
}

func (b batch) gateWaits() []string {
	switch {
	case b.Gate == nil:
		return nil
	case b.Gate.Health != nil:
		checks := []string{}
		for _, f := range b.Gate.Health.Findings {
			checks = append(checks, string(f.Check))
		}
		found := first(strings.Join(checks, ", "), "healthy now")
		return []string{"waits between waves for the health of the cluster: " + found}
	case b.Gate.Until != nil:
		return []string{"pauses between waves" + until(b.Gate.Until)}
	default:
		return nil
	}
}

// drainWaits returns the budgets that hold pods, those that have held the longest first, and
// the pods that have to complete or to be replaced.
func (b batch) drainWaits(now time.Time) []string {
	if b.Drain == nil {
		return nil
	}
	var lines []string
	for _, held := range b.Drain.budgets() {
		lines = append(lines, held.text(now))
	}
	for _, n := range b.Drain.Nodes {
		for _, w := range n.Waits {
			lines = append(lines, fmt.Sprintf("waits until %s on %s has completed", w.Pod, n.Node))
		}
		for _, r := range n.Restarts {
			lines = append(lines, fmt.Sprintf("waits for new pods of %s, which replace %s", r.Deployment, r.Pod))
		}
	}
	return lines
}

// A heldBy is a budget with the pods that it holds.
type heldBy struct {
	block
	nodes []string
	pods  int
}

func (d drainProgress) budgets() []*heldBy {
	var all []*heldBy
	for _, n := range d.Nodes {
		for _, k := range n.Blocks {
			i := slices.IndexFunc(all, func(h *heldBy) bool { return h.Budget == k.Budget })
			if i < 0 {
				i = len(all)
				all = append(all, &heldBy{block: k})
			}
			all[i].add(n.Node, k)
		}
	}
	slices.SortStableFunc(all, func(a, b *heldBy) int { return a.Since.Compare(b.Since) })
	return all[:min(len(all), shown)]
}

func (h *heldBy) add(node text, k block) {
	h.pods++
	if !slices.Contains(h.nodes, string(node)) {
		h.nodes = append(h.nodes, string(node))
	}
	if k.Since.Before(h.Since) {
		h.Since = k.Since
	}
}

func (h *heldBy) text(now time.Time) string {
	by := "waits for the eviction to be allowed: " + string(h.Message)
	if h.Budget != "" {
		by = fmt.Sprintf("waits for budget %s (%d healthy, %d needed)", h.Budget, h.Healthy, h.Needed)
	}
	return fmt.Sprintf("%s: %s, such as %s, on %s, for %s", by, count(h.pods, "pod"), h.Pod, listed(h.nodes, 3),
		lasting(now.Sub(h.Since)))
}

func (b batch) lastWaits() []string {
	var lines []string
	if b.Converging > 0 {
		lines = append(lines, "waits until the control plane has followed on "+count(b.Converging, "node"))
	}
	if b.ConditionsLeft > 0 {
		lines = append(lines, "waits for the conditions of "+count(b.ConditionsLeft, "node"))
	}
	return lines
}
