package batch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/form"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/store"
)

// hostile is another program that sets and removes a label and taints of its
// own on the same nodes without a pause, and knows what it wrote last.
type hostile struct {
	client kubernetes.Interface
	mu     sync.Mutex
	last   map[string]string // by node: the value of its label and taints, "" for none
	writes int
}

const theirs = "hostile.example/mark"

// run writes until the context ends.
func (h *hostile) run(ctx context.Context, names []string) error {
	for round := 0; ; round++ {
		for i, name := range names {
			value := ""
			if (round+i)%3 != 0 {
				value = fmt.Sprintf("v%d", round)
			}
			if err := h.write(ctx, name, value); ctx.Err() != nil {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
}

// write sets label and taints as a controller does: read, change, update, and
// again after a conflict.
func (h *hostile) write(ctx context.Context, name, value string) error {
	for {
		n, err := h.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == theirs })
		delete(n.Labels, theirs)
		if value != "" {
			n.Labels[theirs] = value
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{
				Key: theirs, Value: value, Effect: corev1.TaintEffectPreferNoSchedule,
			})
		}
		// What is written counts even when the end of the test cuts the answer off.
		_, err = h.client.CoreV1().Nodes().Update(context.WithoutCancel(ctx), n, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			continue
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.last[name] = value
		h.writes++
		return err
	}
}

func theirTaint(n *corev1.Node) string {
	for _, t := range n.Spec.Taints {
		if t.Key == theirs {
			return t.Value
		}
	}
	return ""
}

// Law 8: whatever another writer does meanwhile, nothing of it is lost, and all
// of ours is there.
func TestBatch_besideAHostileWriter(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 200)
	source := c.Nodes(
		t, 1, kubetest.WithTaints(corev1.Taint{Key: "copied", Effect: corev1.TaintEffectPreferNoSchedule}),
	)[0]
	p := startProcess(t, c.Kubeconfig, t.TempDir(), usual)
	h := &hostile{client: c.Client, last: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var failed error
	for part := range slices.Chunk(names, 50) {
		writing.Go(func() {
			if err := h.run(ctx, part); err != nil {
				h.mu.Lock()
				defer h.mu.Unlock()
				failed = err
			}
		})
	}
	end := func() {
		stop()
		writing.Wait()
	}
	defer end()
	for _, step := range []batch.Request{
		{Operation: "label", Fields: form.Fields{"label": {"tier=gold,gone=1"}}},
		{Operation: "taint", Fields: form.Fields{"taint": {"maint=1:NoSchedule,gone:PreferNoSchedule"}}},
		{Operation: "label", Fields: form.Fields{"label": {"env=prod"}, "overwrite": {"0"}}},
		{Operation: "copy-taints", Fields: form.Fields{"source": {source}, "mode": {"merge"}}},
		{Operation: "taint", Fields: form.Fields{"taint": {"maint=2:NoSchedule,gone-"}}},
		{Operation: "label", Fields: form.Fields{"label": {"gone-"}}},
	} {
		step.Cluster, step.Nodes = c.Name, names
		v, err := p.engine.Submit(as(t, services.RoleUser), step)
		require.NoError(t, err)
		v = p.wait(t, v.ID)
		require.Equal(t, store.StateSucceeded, v.State, "%s %v: %+v", step.Operation, step.Fields, v.Failed)
		require.Equal(t, 200, v.Counts.Succeeded)
	}
	end()
	require.NoError(t, failed)
	require.Greater(t, h.writes, 200, "the other writer was at work")
	for _, name := range names {
		n := c.Node(t, name)
		require.Equal(t, h.last[name], n.Labels[theirs], "their label on %s", name)
		require.Equal(t, h.last[name], theirTaint(n), "their taint on %s", name)
		require.Equal(t, []string{"gold", "prod", ""}, []string{n.Labels["tier"], n.Labels["env"], n.Labels["gone"]})
		ours := map[string]string{}
		for _, one := range n.Spec.Taints {
			if one.Key != theirs {
				ours[one.Key] = one.Value + ":" + string(one.Effect)
			}
		}
		require.Equal(t, map[string]string{"maint": "2:NoSchedule", "copied": ":PreferNoSchedule"}, ours)
	}
}
