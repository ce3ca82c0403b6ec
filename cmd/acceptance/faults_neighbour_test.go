package acceptance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	client "k8s.io/client-go/kubernetes"
)

const (
	neighbourKey = "neighbour.example/mark"
	// neighbourRests is how long a node is left alone between two changes. With no rest at
	// all, no other program could ever write a taint.
	neighbourRests = 150 * time.Millisecond
)

// neighbour is another program, which changes a label, a taint and an annotation of its own
// on the nodes of a batch. It knows what it wrote last, and notices at each write, and at
// its end, when something of that is gone.
type neighbour struct {
	client  client.Interface
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	writes int
	lost   []string
}

// startNeighbour starts a neighbour on the nodes.
func startNeighbour(ctx context.Context, api client.Interface, names []string) *neighbour {
	b := &neighbour{client: api}
	ctx, b.cancel = context.WithCancel(ctx)
	for _, name := range names {
		b.running.Go(func() { b.work(ctx, name) })
	}
	return b
}

// stop ends it and returns how often it wrote, and what it has lost.
func (b *neighbour) stop() (writes int, lost []string) {
	b.cancel()
	b.running.Wait()
	return b.writes, b.lost
}

// memory is what a neighbour knows of one node.
type memory struct {
	uid   types.UID
	last  string // that was written
	tried string // that may have been written: the call failed
}

// work changes a node until ctx ends, and then looks at it for the last time. Calls may
// fail; the next round makes up for them.
func (b *neighbour) work(ctx context.Context, name string) {
	m := &memory{}
	for round := 1; ctx.Err() == nil; round++ {
		b.change(context.WithoutCancel(ctx), name, m, fmt.Sprintf("v%d", round))
		select {
		case <-ctx.Done():
		case <-time.After(neighbourRests):
		}
	}
	_, _ = b.look(context.WithoutCancel(ctx), name, m)
}

// look reads the node and compares what is there with what was written.
func (b *neighbour) look(ctx context.Context, name string, m *memory) (*corev1.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n, err := b.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if n.UID != m.uid {
		*m = memory{uid: n.UID} // another node of the same name
	}
	found := []string{n.Labels[neighbourKey], n.Annotations[neighbourKey], theirTaint(n)}
	if m.tried != "" && found[0] == m.tried {
		m.last = m.tried
	}
	m.tried = ""
	if slices.Equal(found, []string{m.last, m.last, m.last}) {
		return n, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = append(b.lost, fmt.Sprintf("%s has label, annotation and taint %q of another program, not %q",
		name, found, m.last))
	m.last = found[0]
	return n, nil
}

// change sets the value as a controller does: read, change, update. A conflict is left to
// the next round.
func (b *neighbour) change(ctx context.Context, name string, m *memory, value string) {
	n, err := b.look(ctx, name, m)
	if err != nil {
		return
	}
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	n.Labels[neighbourKey], n.Annotations[neighbourKey] = value, value
	n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == neighbourKey })
	n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{
		Key: neighbourKey, Value: value, Effect: corev1.TaintEffectPreferNoSchedule,
	})
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m.tried = value
	_, err = b.client.CoreV1().Nodes().Update(ctx, n, metav1.UpdateOptions{})
	if err != nil {
		return
	}
	m.last, m.tried = value, ""
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
}

func theirTaint(n *corev1.Node) string {
	for _, taint := range n.Spec.Taints {
		if taint.Key == neighbourKey {
			return taint.Value
		}
	}
	return ""
}
