package drain

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// Plan is what a drain of some nodes would do, before anything is written.
type Plan struct {
	Nodes   []NodePlan `json:"nodes"`
	Budgets []*Demand  `json:"budgets"` // those that guard pods of the batch, the tightest first
	Counts  Counts     `json:"summary"`
	// Workloads are those that Options.RestartFirst is about; none where nobody asked.
	Workloads []Workload `json:"workloads,omitempty"`
	// WorkloadsUnread says that the account may not read which they are.
	WorkloadsUnread bool `json:"-"`
	// restarts says that they are to be restarted.
	restarts bool
	// Denied lists what the account may not do, and would have to, to restart them.
	Denied []string `json:"denied,omitempty"`
	// Unread lists what the account may not read, such as "poddisruptionbudgets".
	Unread []string `json:"unread,omitempty"`
}

// NodePlan is one node's part.
type NodePlan struct {
	Node     string            `json:"node"`
	Zone     string            `json:"zone,omitempty"`
	Cordoned bool              `json:"cordoned"` // already
	Pods     []Judged          `json:"pods"`
	Warnings []*services.Error `json:"-"`
	Blockers []*services.Error `json:"-"`
	Counts   Counts            `json:"counts"`
	Leaving  []*corev1.Pod     `json:"-"` // that start elsewhere, those included that wait for a budget or a consent
}

// Counts counts pods by verdict.
type Counts struct {
	Nodes       int `json:"nodes"`
	Cordon      int `json:"cordon"` // nodes that are not cordoned yet
	Evict       int `json:"evict"`  // pods that go, those that must wait for a budget included
	Skip        int `json:"skip"`
	Wait        int `json:"wait"`
	Acknowledge int `json:"acknowledge"`
	Blocked     int `json:"blocked"`
	Never       int `json:"never"`
	Unknown     int `json:"unknown"`
	// WaitCompleted pods are waited for until they have completed.
	WaitCompleted int `json:"waitCompleted"`
	// Restart pods go when their Deployment is restarted.
	Restart int `json:"restart"`
}

func (c *Counts) add(v Verdict) {
	switch v {
	case Evict:
		c.Evict++
	case Skip:
		c.Skip++
	case Wait:
		c.Wait++
	case Acknowledge:
		c.Acknowledge++
	case Blocked:
		c.Evict++
		c.Blocked++
	case Never:
		c.Never++
	case Unknown:
		c.Evict++
		c.Unknown++
	case WaitCompleted:
		c.WaitCompleted++
	case Restart:
		c.Restart++
	}
}

// Add adds the counts of another plan.
func (c *Counts) Add(o Counts) {
	c.Nodes += o.Nodes
	c.Cordon += o.Cordon
	c.Evict += o.Evict
	c.Skip += o.Skip
	c.Wait += o.Wait
	c.Acknowledge += o.Acknowledge
	c.Blocked += o.Blocked
	c.Never += o.Never
	c.Unknown += o.Unknown
	c.WaitCompleted += o.WaitCompleted
	c.Restart += o.Restart
}

// Facts are what a plan is made of, read before.
type Facts struct {
	Nodes         []*node.Node // in the order of the batch
	Missing       []string     // names that are no node
	PodsByNode    map[string][]*corev1.Pod
	Budgets       []*policyv1.PodDisruptionBudget
	BudgetsUnread bool
	DaemonSets    map[types.UID]bool // nil when the account may not read them
	Policies      Policies
	Deployments   Deployments // nil if they were not read
	// DeploymentsUnread says that the account may not read them.
	DeploymentsUnread bool
	Self              string // "namespace/name" of the pod that we run in, or ""
	Now               time.Time
}

// MakePlan judges every pod of every node, and counts what the batch as a whole
// wants of each budget. It is pure.
func MakePlan(f Facts, o Options) (Plan, error) {
	w, err := newWorld(o, f.DaemonSets, f.Now)
	if err != nil {
		return Plan{}, err
	}
	annotations := map[string]map[string]string{}
	for _, n := range f.Nodes {
		annotations[n.Name] = n.Annotations
	}
	if err := w.use(f.Policies, annotations); err != nil {
		return Plan{}, err
	}
	w.deployments = f.Deployments
	guards, demands, found := newBudgets(f.Budgets, !f.BudgetsUnread), map[string]*Demand{}, workloads{}
	var p Plan
	for _, n := range f.Nodes {
		np := w.planNode(n, f, guards, demands, found)
		p.Nodes = append(p.Nodes, np)
		p.Counts.Add(np.Counts)
	}
	for _, name := range f.Missing {
		gone := services.NewError(services.CodeNotFound, "error_node_gone")
		p.Nodes = append(p.Nodes, NodePlan{Node: name, Blockers: []*services.Error{gone}})
	}
	if f.BudgetsUnread {
		p.Unread = append(p.Unread, "poddisruptionbudgets")
	}
	if f.DaemonSets == nil {
		p.Unread = append(p.Unread, "daemonsets")
	}
	p.WorkloadsUnread = f.DeploymentsUnread
	if f.DeploymentsUnread && o.RestartFirst {
		p.Unread = append(p.Unread, "deployments")
	}
	p.Unread = append(p.Unread, f.Policies.Unread...)
	p.Workloads, p.restarts = found.sorted(), o.RestartFirst
	p.Budgets = slices.SortedFunc(maps.Values(demands), func(a, b *Demand) int {
		return cmp.Or(cmp.Compare(a.Allowed-a.Demand, b.Allowed-b.Demand), cmp.Compare(a.Name, b.Name))
	})
	return p, nil
}

func (w world) planNode(
	n *node.Node, f Facts, guards budgets, demands map[string]*Demand, found workloads,
) NodePlan {
	np := NodePlan{Node: n.Name, Zone: n.Zone, Cordoned: n.Unschedulable, Counts: Counts{Nodes: 1}}
	if !n.Unschedulable {
		np.Counts.Cordon = 1
	}
	for _, pod := range f.PodsByNode[n.Name] {
		j := w.judge(pod)
		if (j.Verdict == Evict || j.Verdict == Acknowledge) && !w.restart(&j, pod, guards, found) {
			guards.apply(&j, pod, demands)
		}
		if f.Self != "" && f.Self == pod.Namespace+"/"+pod.Name {
			np.Warnings = append(np.Warnings, reason("drain_warn_self"))
		}
		if leaves(j.Verdict) {
			np.Leaving = append(np.Leaving, pod)
		}
		np.Pods = append(np.Pods, j)
		np.Counts.add(j.Verdict)
	}
	slices.SortFunc(np.Pods, func(a, b Judged) int {
		return cmp.Or(cmp.Compare(rank(a.Verdict), rank(b.Verdict)),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if n.ControlPlane() {
		np.Warnings = append(np.Warnings, reason("drain_warn_control_plane"))
	}
	if n.Status != node.StatusReady {
		np.Warnings = append(np.Warnings, reason("drain_warn_not_ready", "Status", n.Status))
	}
	return np
}

// leaves reports whether a pod with this verdict starts elsewhere.
func leaves(v Verdict) bool {
	return slices.Contains([]Verdict{Evict, Restart, Acknowledge, Blocked, Unknown}, v)
}

// Verdicts returns the verdicts in the order in which a person has to look at them: the
// worst first.
func Verdicts() []Verdict {
	return []Verdict{Never, Acknowledge, Blocked, Unknown, WaitCompleted, Restart, Wait, Evict, Skip}
}

func rank(v Verdict) int { return slices.Index(Verdicts(), v) }

// Refusal returns the error of a plan that nobody has agreed to yet: it names the
// options that are missing. nil means that the drain may begin.
func (p Plan) Refusal() error {
	missing := map[string]int{}
	for _, n := range p.Nodes {
		for _, pod := range n.Pods {
			if pod.Verdict == Acknowledge {
				missing[pod.Field]++
			}
		}
	}
	var wrong services.FieldErrors
	for _, field := range slices.Sorted(maps.Keys(missing)) {
		wrong.Add(field, "error_"+field, "Count", missing[field])
	}
	if p.restarts && len(p.Denied) > 0 {
		wrong.Add("restart_first", "error_restart_first", "Calls", strings.Join(p.Denied, ", "))
	}
	return wrong.Err()
}
