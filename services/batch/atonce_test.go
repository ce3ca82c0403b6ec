package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/kube/kubetest"
	"kube-node-manager/services/operation/drain"
	"kube-node-manager/services/store"
)

// crowd is what several actors do to the nodes of a cluster at once, and what they remember
// of it, by node.
type crowd struct {
	c      *kubetest.Cluster
	kured  reboots
	leases string // their namespace

	mu       sync.Mutex
	taints   map[string]corev1.Taint
	notes    map[string]string // values of annotations
	cordoned map[string]bool   // by one of them before us
	held     map[string]coordinationv1.LeaseSpec
	lock     string // of kured
}

func newCrowd(t *testing.T, c *kubetest.Cluster, leases string) *crowd {
	t.Helper()
	c.Install(t, maintenances)
	return &crowd{
		c: c, kured: newReboots(t, c), leases: leases, taints: map[string]corev1.Taint{}, notes: map[string]string{},
		cordoned: map[string]bool{}, held: map[string]coordinationv1.LeaseSpec{},
	}
}

func (a *crowd) remember(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
}

// change changes a node as a controller does, which reads it before.
func (a *crowd) change(t *testing.T, name, manager string, change func(n *corev1.Node)) {
	t.Helper()
	ctx := t.Context()
	err := retry.OnError(retry.DefaultBackoff, apierrors.IsConflict, func() error {
		n, err := a.c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(n)
		_, err = a.c.Client.CoreV1().Nodes().Update(ctx, n, metav1.UpdateOptions{FieldManager: manager})
		return err
	})
	if err != nil {
		t.Errorf("%s cannot change %s: %v", manager, name, err)
	}
}

func (a *crowd) taint(t *testing.T, name, manager, key string) {
	t.Helper()
	at := metav1.NewTime(time.Now().Truncate(time.Second))
	taint := corev1.Taint{Key: key, Value: manager, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &at}
	a.change(t, name, manager, func(n *corev1.Node) { n.Spec.Taints = append(n.Spec.Taints, taint) })
	a.remember(func() { a.taints[name] = taint })
}

const (
	noteReboot  = "weave.works/kured-reboot-in-progress"
	noteMachine = "cluster.x-k8s.io/delete-machine"
)

func (a *crowd) annotate(t *testing.T, name, manager, key string) {
	t.Helper()
	value := time.Now().UTC().Format(time.RFC3339)
	a.change(t, name, manager, func(n *corev1.Node) {
		if n.Annotations == nil {
			n.Annotations = map[string]string{}
		}
		n.Annotations[key] = value
	})
	a.remember(func() { a.notes[name] = value })
}

// cordon remembers whether the node was schedulable: another cordon is not theirs.
func (a *crowd) cordon(t *testing.T, name, manager string) {
	t.Helper()
	first := false
	a.change(t, name, manager, func(n *corev1.Node) {
		first = !n.Spec.Unschedulable
		n.Spec.Unschedulable = true
	})
	a.remember(func() { a.cordoned[name] = first })
}

// maintain is node-maintenance-operator: it takes the lease of a node when nobody else has
// it, cordons and taints the node, and keeps it, or is done with it after a while.
func (a *crowd) maintain(t *testing.T, name string, keep bool) {
	t.Helper()
	a.c.Add(t, maintenances, "default", "nm-"+name, nil, map[string]any{"nodeName": name})
	client := a.c.Client.CoordinationV1().Leases(a.leases)
	holder, seconds := nmo, int32(3600)
	var mine *coordinationv1.Lease
	for mine == nil && t.Context().Err() == nil {
		now := metav1.NowMicro()
		created, err := client.Create(t.Context(), &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: "node-" + name},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: &holder, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now,
			},
		}, metav1.CreateOptions{})
		if err == nil {
			mine = created
		} else {
			time.Sleep(100 * time.Millisecond) // somebody works there: it asks again
		}
	}
	a.taint(t, name, nmo, "medik8s.io/drain")
	a.cordon(t, name, nmo)
	if keep {
		a.remember(func() { a.held[name] = mine.Spec })
		return
	}
	time.Sleep(2 * time.Second)
	if err := client.Delete(t.Context(), mine.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &mine.UID, ResourceVersion: &mine.ResourceVersion},
	}); err != nil {
		t.Errorf("the lease of %s is not as it was taken: %v", name, err)
	}
}

// act lets all of them work on ten nodes each.
func (a *crowd) act(t *testing.T, nodes []string) (wait func()) {
	t.Helper()
	var work sync.WaitGroup
	each := func(from int, do func(i int, name string)) {
		work.Go(func() {
			for i, name := range nodes[from : from+10] {
				do(i, name)
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	each(0, func(_ int, name string) { a.taint(t, name, "autoscaler", "ToBeDeletedByClusterAutoscaler") })
	each(10, func(_ int, name string) { a.taint(t, name, "karpenter", "karpenter.sh/disrupted") })
	for i, name := range nodes[20:30] { // some are before us, and some after
		work.Go(func() {
			time.Sleep(time.Duration(i) * 200 * time.Millisecond)
			a.maintain(t, name, i%2 == 0)
		})
	}
	each(30, func(_ int, name string) {
		a.lock = one(name, time.Now(), time.Hour)
		a.kured.lock(t, a.c, a.lock)
		a.annotate(t, name, "kured", noteReboot)
		a.cordon(t, name, "kured")
	})
	each(40, func(_ int, name string) { a.cordon(t, name, "kubectl-cordon") })
	each(50, func(_ int, name string) { a.annotate(t, name, "capi", noteMachine) })
	return work.Wait
}

// intact returns an error if anything of theirs is not as they left it.
func (a *crowd) intact(ctx context.Context, nodes []string) error {
	for i, name := range nodes {
		n, err := a.c.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if want, tainted := a.taints[name]; tainted && !keepsTaint(n, want) {
			return fmt.Errorf("%s has lost %s: %v", name, want.Key, n.Spec.Taints)
		}
		key := noteReboot
		if i >= 50 {
			key = noteMachine
		}
		if n.Annotations[key] != a.notes[name] {
			return fmt.Errorf("%s has lost %s", name, key)
		}
		if a.cordoned[name] && !n.Spec.Unschedulable {
			return fmt.Errorf("%s was uncordoned", name)
		}
	}
	return errors.Join(a.leasesIntact(ctx), a.lockIntact(ctx))
}

func keepsTaint(n *corev1.Node, want corev1.Taint) bool {
	for _, t := range n.Spec.Taints {
		if t.Key == want.Key && t.Value == want.Value && t.Effect == want.Effect && t.TimeAdded.Equal(want.TimeAdded) {
			return true
		}
	}
	return false
}

// leasesIntact looks for just the leases that they keep.
func (a *crowd) leasesIntact(ctx context.Context) error {
	list, err := a.c.Client.CoordinationV1().Leases(a.leases).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, l := range list.Items {
		want, theirs := a.held[l.Name[len("node-"):]]
		if !theirs || *l.Spec.HolderIdentity != nmo || !l.Spec.RenewTime.Equal(want.RenewTime) {
			return fmt.Errorf("%s is held by %s since %s", l.Name, *l.Spec.HolderIdentity, l.Spec.RenewTime)
		}
	}
	if len(list.Items) != len(a.held) {
		return fmt.Errorf("%d leases, not %d", len(list.Items), len(a.held))
	}
	return nil
}

func (a *crowd) lockIntact(ctx context.Context) error {
	d, err := a.c.Client.AppsV1().DaemonSets(a.kured.ns).Get(ctx, "kured", metav1.GetOptions{})
	if err == nil && d.Annotations["weave.works/kured-node-lock"] != a.lock {
		err = errors.New("the lock of kured has changed")
	}
	return err
}

// intersection returns what is in both.
func intersection(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}

// unexplained returns the nodes of a running drain that wait, and of which nobody learns for
// what. What a node waits for and its phase are read one after the other.
func unexplained(v batch.View) (found []string) {
	leases := map[string]bool{}
	for _, l := range v.Leases {
		leases[l.Node] = l.Holder != "" && !l.Until.IsZero()
	}
	for _, n := range v.Drain.Nodes {
		explained := true
		switch n.Phase {
		case drain.PhaseHeld:
			explained = leases[n.Node]
		case drain.PhaseBlocked:
			explained = len(n.Blocks) > 0 && n.Blocks[0].Budget+n.Blocks[0].Message != ""
		case drain.PhaseCompleting:
			explained = len(n.Waits) > 0
		}
		if !explained {
			found = append(found, fmt.Sprintf("%s: %+v", n.Node, n.Progress))
		}
	}
	return found
}

// An autoscaler, Karpenter, node-maintenance-operator with its objects and leases, kured with
// its lock, somebody with kubectl, and Cluster API act at once on 60 nodes while a batch drains
// them. Nothing of theirs is damaged, nothing is uncordoned that one of them has cordoned, and
// every wait is explained.
func TestOthers_actWhileWeDrain(t *testing.T) {
	c := lease(t)
	nodes, ns := c.Nodes(t, 60), c.Namespace(t)
	c.Deployment(t, ns, "web", 60)
	lift := blocking(t, c, nodes[59])
	o := usual
	o.LeaseFor = 30 * time.Second
	p := startProcess(t, c.Kubeconfig, t.TempDir(), o)
	p.rule(t, c.Name, map[string][]string{"node_lease": {"1"}, "lease_namespace": {ns}})
	a := newCrowd(t, c, ns)
	wait := a.act(t, nodes)
	awaitLease(t, c, ns, nodes[20], nmo)
	awaitLease(t, c, ns, nodes[21], nmo)
	v, err := p.drain(t, c.Name, nodes, "others", "1", "restore", "1", "parallel", "20", "timeout", "300")
	require.NoError(t, err)
	waited := map[string]bool{}
	await := func(blocked int) (now batch.View) {
		var before []string
		for began := time.Now(); time.Since(began) < 3*time.Minute; time.Sleep(50 * time.Millisecond) {
			now = p.view(t, v.ID)
			require.NotNil(t, now.Drain, "%s", now.State)
			silent := unexplained(now)
			require.Empty(t, intersection(silent, before), "for longer than a moment")
			before = silent
			for _, n := range now.Drain.Nodes {
				waited[n.Phase] = true
			}
			rest := len(now.Leases)+blocked == 60-batch.Done(now.Counts)
			if rest && (blocked == 0 || waited[drain.PhaseBlocked]) { // the last one may be about to be blocked
				return now
			}
		}
		require.Fail(t, "more wait than have to", "%+v", now.Drain)
		return now
	}
	await(1)
	wait()
	require.True(t, waited[drain.PhaseBlocked] && waited[drain.PhaseHeld], "%v", waited)
	lift()
	left := await(0).Leases
	require.NotEmpty(t, left)
	_, err = p.engine.Cancel(as(t, services.RoleAdmin), v.ID)
	require.NoError(t, err)
	p.wait(t, v.ID)
	for name, it := range p.items(t, v.ID) {
		if it.State != store.ItemSucceeded {
			require.NotNil(t, it.Error, "%s is %s, and nobody says why", name, it.State)
		}
	}
	for _, l := range left {
		it := p.items(t, v.ID)[l.Node]
		require.Equal(t, "error_lease_held", it.Error.ID)
		require.Equal(t, nmo, it.Error.Args["Holder"])
	}
	c.Eventually(t, func(ctx context.Context) error { return a.intact(ctx, nodes) })

	p.cache.InvalidateCluster(c.Name)
	_, err = p.engine.Submit(as(t, services.RoleAdmin), batch.Request{
		Cluster: c.Name, Operation: "uncordon", Nodes: nodes,
	})
	require.Equal(t, "others: error_others", text(err))
}
