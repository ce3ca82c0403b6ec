package batch

import (
	"slices"
	"sync"
)

// turns decides whose turn it is on a node: batches work on one in the order in
// which they were accepted, and never on the same one at the same time.
type turns struct {
	mu    sync.Mutex
	lines map[place][]*run // the first of a line works
}

type place struct{ cluster, node string }

func newTurns() *turns { return &turns{lines: map[place][]*run{}} }

// join puts the run at the end of the line of every node. It does so for all of
// them at once, so two batches meet in the same order everywhere, and never
// wait for each other in a circle.
func (t *turns) join(r *run, items []Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, it := range items {
		at := place{r.batch.Cluster, it.Node}
		t.lines[at] = append(t.lines[at], r)
	}
}

// leave takes the run out of the lines of nodes, and tells those who are first
// now.
func (t *turns) leave(r *run, items []Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, it := range items {
		at := place{r.batch.Cluster, it.Node}
		i := slices.Index(t.lines[at], r)
		if i < 0 {
			continue
		}
		line := slices.Delete(t.lines[at], i, i+1)
		t.lines[at] = line
		if len(line) == 0 {
			delete(t.lines, at)
		} else if i == 0 {
			signal(line[0].pace.turn)
		}
	}
}

// ahead returns the batch that the run waits for on a node, "" when it is its
// turn.
func (t *turns) ahead(r *run, node string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[place{r.batch.Cluster, node}]
	if i := slices.Index(line, r); i > 0 {
		return line[i-1].batch.ID
	}
	return ""
}

// first returns the run whose turn it is on a node, or nil.
func (t *turns) first(cluster, node string) *run {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[place{cluster, node}]
	if len(line) == 0 {
		return nil
	}
	return line[0]
}
