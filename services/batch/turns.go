package batch

import (
	"context"
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
		if t.lines[at] = line; len(line) == 0 {
			delete(t.lines, at)
		} else if i == 0 {
			ring(line[0].turn)
		}
	}
}

// ahead gives the batch that the run waits for on a node, "" when it is its
// turn.
func (t *turns) ahead(r *run, node string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[place{r.batch.Cluster, node}]
	if i := slices.Index(line, r); i > 0 {
		return line[i-1].id
	}
	return ""
}

// mine parts the items whose nodes are free for this batch from those that wait
// for another, and lets the view say so. A node that had to be waited for is
// another than it was planned.
func (r *run) mine(items []Item) (free, held []Item) {
	ahead := map[string]bool{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range items {
		id := r.engine.turns.ahead(r, it.Node)
		if id == "" {
			free = append(free, it)
			delete(r.waiting, it.Seq)
			continue
		}
		held = append(held, it)
		ahead[id] = true
		r.waiting[it.Seq] = it.Node
		r.waited[it.Seq] = true
	}
	r.ahead = ahead
	return free, held
}

// awaitTurn returns when it may be the batch's turn on another node, or with an
// error when it is to take no more items.
func (r *run) awaitTurn() error {
	r.engine.watcher.BatchChanged(r.batch.Cluster, r.batch.ID)
	select {
	case <-r.turn:
		return nil
	case <-r.take.Done():
		return context.Cause(r.take)
	}
}
