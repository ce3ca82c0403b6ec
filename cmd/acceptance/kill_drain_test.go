package acceptance

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/services/kube/kubetest"
)

// rounds is how many times the program is killed during drains; "make soak" does it 30
// times.
var rounds = flag.Int("rounds", 3, "kills of the program during drains")

// lifecycle returns the conditions of a node's maintenance that hold.
func lifecycle(n *corev1.Node) string {
	holds := map[corev1.NodeConditionType]bool{}
	for _, c := range n.Status.Conditions {
		holds[c.Type] = c.Status == corev1.ConditionTrue
	}
	var said []string
	for _, kind := range []corev1.NodeConditionType{
		"MaintenancePlanned", "DrainInProgress", "Drained", "MaintenanceInProgress",
	} {
		if holds[kind] {
			said = append(said, string(kind))
		}
	}
	return strings.Join(said, " ")
}

// expectedLifecycle returns what a node has to say by its batches, newest first, while
// none of them runs.
func expectedLifecycle(name string, cordoned bool, batches []batchDoc) string {
	const planned, drained = "MaintenancePlanned", "Drained MaintenanceInProgress"
	for _, b := range batches {
		state := ""
		for _, it := range b.Items {
			if it.Node == name {
				state = it.State
			}
		}
		switch {
		case state == "":
		case b.Operation == "uncordon" && (state == "succeeded" || state == "unchanged"):
			return ""
		case b.Operation == "uncordon":
		case state == "pending" || state == "running" || state == "waiting":
			return planned // interrupted
		case state == "cancelled" || !cordoned:
			return ""
		case state == "succeeded" || state == "unchanged":
			return drained
		default:
			return planned
		}
	}
	return ""
}

// allBatches returns the batches, newest first, with their items.
func (p *program) allBatches(t testing.TB) []batchDoc {
	t.Helper()
	var all []batchDoc
	for path := "/batches?"; path != ""; {
		var page struct {
			Items []batchDoc
			Older string
		}
		p.request(t, http.MethodGet, path, nil, &page)
		for _, b := range page.Items {
			all = append(all, p.batch(t, b.ID))
		}
		path = page.Older
	}
	return all
}

// awaitRightConditions waits until no batch runs and every node says what its batches
// mean for it.
func (p *program) awaitRightConditions(t testing.TB, c *kubetest.Cluster, names []string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		wrong := p.wrongCondition(t, c, names)
		if wrong == "" {
			return
		}
		require.True(t, time.Now().Before(end), wrong)
	}
}

func (p *program) wrongCondition(t testing.TB, c *kubetest.Cluster, names []string) string {
	t.Helper()
	batches := p.allBatches(t)
	for _, b := range batches {
		if b.State == "running" {
			return "batch " + b.ID + " runs"
		}
	}
	for _, name := range names {
		n := c.Node(t, name)
		want := expectedLifecycle(name, n.Spec.Unschedulable, batches)
		if got := lifecycle(n); got != want {
			return fmt.Sprintf("%s says %q, not %q", name, got, want)
		}
	}
	return ""
}

// The program is killed at random moments during drains, their resumption, cancels and
// uncordons. Each time, the next process has every node say what is true of it.
func TestConditions_rightAfterKills(t *testing.T) {
	c := lease(t)
	names, ns := c.Nodes(t, 8), c.Namespace(t)
	c.Nodes(t, 4) // take the pods
	c.Deployment(t, ns, "web", 40)
	p := startProgram(t, c.Kubeconfig)
	for range *rounds {
		form := url.Values{"operation": {"drain"}, "node": names, "wave_size": {"2"}, "timeout": {"60"}, "reason": {"kernel"}}
		if rand.N(4) == 0 {
			form = url.Values{"operation": {"uncordon"}, "node": names}
		}
		p.killDuring(t, func(ctx context.Context) { p.attempt(ctx, c.Name, form) })
		p.awaitRightConditions(t, c, names)
		for _, b := range p.allBatches(t) {
			if b.State != "interrupted" {
				continue
			}
			verb := []string{"resume", "cancel"}[rand.N(2)]
			p.killDuring(t, func(ctx context.Context) { p.tryPost(ctx, "/batches/"+b.ID+"/"+verb) })
			p.awaitRightConditions(t, c, names)
			p.finishInterrupted(t, b.ID)
			p.awaitRightConditions(t, c, names)
		}
		b, _ := p.submit(t, c.Name, "uncordon", names...)
		p.awaitBatch(t, b.ID)
		for _, name := range names {
			require.Empty(t, lifecycle(c.Node(t, name)), "done means true")
		}
		c.WaitRunning(t, ns, "web", 40)
	}
}

// killDuring kills the program within the next second and a half, while it is told to do
// something, and starts it again.
func (p *program) killDuring(t testing.TB, do func(ctx context.Context)) {
	t.Helper()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		do(context.WithoutCancel(t.Context()))
	}()
	time.Sleep(rand.N(1500 * time.Millisecond))
	p.end(t, syscall.SIGKILL)
	<-sent
	p.start(t)
}

// tryPost sends a request that the end of the program may cut off.
func (p *program) tryPost(ctx context.Context, path string) {
	r, err := p.newRequest(ctx, http.MethodPost, path, strings.NewReader(""))
	if err != nil {
		return
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", formKind)
	if response, err := p.client.Do(r); err == nil {
		_ = response.Body.Close()
	}
}

// finishInterrupted resumes a batch that is interrupted, and waits for its end.
func (p *program) finishInterrupted(t testing.TB, id string) {
	t.Helper()
	if p.batch(t, id).State == "interrupted" {
		p.request(t, http.MethodPost, "/batches/"+id+"/resume", url.Values{}, nil)
	}
	p.awaitBatch(t, id)
}

// Somebody may uncordon a drained node with kubectl: it says so no longer.
func TestConditions_followKubectl(t *testing.T) {
	c := lease(t)
	names := c.Nodes(t, 2)
	p := startProgram(t, c.Kubeconfig)
	b, _ := p.submit(t, c.Name, "drain", names...)
	require.Equal(t, "succeeded", p.awaitBatch(t, b.ID).State)
	require.Equal(t, "Drained MaintenanceInProgress", lifecycle(c.Node(t, names[0])))
	list := p.nodes(t, c.Name, "q=condition:drained")
	require.Len(t, list.Items, 2)

	changeBehind(t, c, names[0], `{"spec":{"unschedulable":null}}`)
	p.end(t, syscall.SIGKILL) // the next process looks at once
	p.start(t)
	p.awaitRightConditions(t, c, names)
	n, err := c.Client.CoreV1().Nodes().Get(t.Context(), names[0], metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, lifecycle(n))
}
