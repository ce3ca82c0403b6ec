package drain

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"kube-node-manager/services/kube"
)

type phase int

const (
	phaseNew       phase = iota // not cordoned by us yet
	phaseCordoning              // the call is under way
	phaseQueued                 // cordoned, waits for its turn
	phaseDraining
	phaseVerifying // the last list is under way
	phaseRestoring // its drain failed and the cordon is being lifted
	phaseEnded
)

// nodeState is one node on its way.
type nodeState struct {
	Target
	phase       phase
	tries       int // of the cordon, and then of the last look
	cordonWait  wait.Backoff
	verifyWait  wait.Backoff
	retry       time.Time // of the cordon
	held        bool      // by somebody else: it is not cordoned yet, and the others do not wait for it
	cordonedAt  time.Time
	startedAt   time.Time
	deadline    time.Time
	idleSince   time.Time // only terminating pods are left, on a node without a kubelet
	verifyAfter time.Time
	pods        map[string]*podState // by UID: those that have to go
	evicted     int                  // that left after we asked them to
	skipped     int                  // that stay
	restarted   map[string]bool      // Deployments by which pods have left
	broken      error                // a pod that can never go; the others still do
	told        Progress
}

func newNodeState(t Target) *nodeState {
	n := &nodeState{
		Target: t, evicted: t.Evicted, pods: map[string]*podState{}, restarted: map[string]bool{},
		cordonWait: kube.NewBackoff(firstCordon, longCordon), verifyWait: kube.NewBackoff(firstRetry, longRetry),
	}
	for _, name := range t.Restarted {
		n.restarted[name] = true
	}
	return n
}

// The waits between two tries of a cordon.
const (
	firstCordon = 200 * time.Millisecond
	longCordon  = 5 * time.Second
)

// asked returns how many pods of the node an eviction was accepted for, those
// included that have not ended yet.
func (n *nodeState) asked() int {
	asked := n.evicted
	for _, p := range n.pods {
		if p.ours {
			asked++
		}
	}
	return asked
}

// idle reports whether nothing happens to the node because all of its pods wait
// for budgets, or until they complete. Another node may have its place meanwhile: one
// tight budget must not hold up a whole batch.
func (n *nodeState) idle() bool {
	first := n.firstOrder()
	for _, p := range n.pods {
		if p.phase != podBlocked && p.phase != podCompleting && !p.later(first) {
			return false
		}
	}
	return len(n.pods) > 0
}

func (n *nodeState) cordoned() bool { return !n.cordonedAt.IsZero() }

type podPhase int

const (
	podTodo        podPhase = iota
	podEvicting             // the call is under way
	podBlocked              // waits for its budget
	podTerminating          // was told to end
	podStuck                // cannot be evicted at all
	podCompleting           // is waited for until it completes
	podRestarting           // leaves when its Deployment is restarted
)

// podState is one pod that has to go.
type podState struct {
	Judged
	pod     *corev1.Pod
	phase   podPhase
	ours    bool      // we asked it to go
	blocked time.Time // since when it has waited for its budget
	next    time.Time // the next try
	tries   int
	wait    wait.Backoff
	message string    // of the refusal
	failed  error     // why the last try failed, unless a budget refused it
	refused string    // the budget's resource version when it refused
	waiting time.Time // since when it is waited for until it completes, or is replaced
	restart *restart  // by which it leaves; nil if it is evicted
}

func (p *podState) key() string { return p.Namespace + "/" + p.Name }

// enter changes the pod's phase. A try in between does not end a wait.
func (p *podState) enter(to podPhase, now time.Time) {
	p.phase = to
	switch {
	case to == podBlocked && p.blocked.IsZero():
		p.blocked = now
	case to == podTerminating || to == podStuck:
		p.blocked = time.Time{}
	case to == podRestarting:
		p.blocked, p.waiting = time.Time{}, now
	case to == podCompleting && p.waiting.IsZero():
		p.waiting = now
	}
}

// inOrder returns the node's pods in a steady order.
func (n *nodeState) inOrder() []*podState {
	return slices.SortedFunc(maps.Values(n.pods), func(a, b *podState) int { return strings.Compare(a.key(), b.key()) })
}

// budgetState is what we have used of a budget since its status was last news.
type budgetState struct {
	flying  int    // evictions under way
	version string // of the status that spent refers to
	spent   int    // evictions that succeeded against that status
}

// Words of Progress.Phase.
const (
	PhaseHeld        = "held" // by somebody else; not cordoned yet
	PhaseCordoning   = "cordoning"
	PhaseQueued      = "queued"
	PhaseEvicting    = "evicting"
	PhaseTerminating = "terminating" // all are told to end; waits for the last
	PhaseBlocked     = "blocked"     // waits for budgets and nothing else
	PhaseCompleting  = "completing"  // waits for pods to complete
	PhaseRestarting  = "restarting"  // waits for Deployments to replace their pods
	PhaseVerifying   = "verifying"
	PhaseRestoring   = "restoring"
)

// Progress is how a node is getting on.
type Progress struct {
	Phase       string       `json:"phase"`
	Left        int          `json:"left"` // pods that have to go and have not
	Evicted     int          `json:"evicted"`
	Asked       int          `json:"-"` // evictions that were accepted: Evicted, and those of pods that have not ended yet
	Terminating int          `json:"terminating"`
	Blocked     int          `json:"blocked"`
	Completing  int          `json:"completing"`         // are waited for until they have completed
	Later       int          `json:"later"`              // wait until pods of a lower order are gone
	Blocks      []Block      `json:"blocks,omitempty"`   // the blocked pods, longest first, at most maxBlocks
	Waits       []Completion `json:"waits,omitempty"`    // the pods that have to complete, at most maxBlocks
	Restarting  int          `json:"restarting"`         // leave when their Deployment is restarted
	Restarts    []Restarting `json:"restarts,omitempty"` // these pods, at most maxBlocks
	// Restarted are the Deployments that were restarted so that pods left this node.
	Restarted []string `json:"restarted,omitempty"`
}

// Block says what a pod waits for.
type Block struct {
	Pod     string    `json:"pod"`              // "namespace/name"
	UID     string    `json:"uid"`              // of the pod
	Budget  string    `json:"budget,omitempty"` // "namespace/name"
	Healthy int       `json:"healthy"`
	Needed  int       `json:"needed"`
	Message string    `json:"message,omitempty"` // the API server's, if it sent one
	Since   time.Time `json:"since"`
	Next    time.Time `json:"next"` // the next try; earlier when the budget allows
}

// maxBlocks is how many blocked pods a node's Progress names.
const maxBlocks = 8

func (p Progress) equal(o Progress) bool {
	return p.Phase == o.Phase && p.Left == o.Left && p.Evicted == o.Evicted && p.Terminating == o.Terminating &&
		p.Blocked == o.Blocked && p.Asked == o.Asked && p.Completing == o.Completing && p.Later == o.Later &&
		slices.Equal(p.Blocks, o.Blocks) && slices.Equal(p.Waits, o.Waits) && p.Restarting == o.Restarting &&
		slices.Equal(p.Restarts, o.Restarts) && slices.Equal(p.Restarted, o.Restarted)
}

func (d *conductor) progress(n *nodeState) Progress {
	p := Progress{
		Evicted: n.evicted, Asked: n.asked(), Left: len(n.pods), Restarted: slices.Sorted(maps.Keys(n.restarted)),
	}
	first := n.firstOrder()
	for _, pod := range n.inOrder() {
		switch {
		case pod.phase == podTerminating:
			p.Terminating++
		case pod.phase == podBlocked:
			p.Blocked++
			p.Blocks = append(p.Blocks, pod.block(d.guards))
		case pod.phase == podCompleting:
			p.Completing++
			p.Waits = append(p.Waits, n.completion(pod))
		case pod.phase == podRestarting && !pod.later(first):
			p.Restarting++
			p.Restarts = append(p.Restarts, d.restarting(pod))
		case pod.later(first):
			p.Later++
		}
	}
	slices.SortStableFunc(p.Blocks, func(a, b Block) int { return a.Since.Compare(b.Since) })
	p.Blocks = p.Blocks[:min(maxBlocks, len(p.Blocks))]
	p.Waits = p.Waits[:min(maxBlocks, len(p.Waits))]
	p.Restarts = p.Restarts[:min(maxBlocks, len(p.Restarts))]
	p.Phase = n.word(p)
	return p
}

func (n *nodeState) word(p Progress) string {
	switch n.phase {
	case phaseNew, phaseCordoning:
		if n.held {
			return PhaseHeld
		}
		return PhaseCordoning
	case phaseQueued:
		return PhaseQueued
	case phaseVerifying:
		return PhaseVerifying
	case phaseRestoring:
		return PhaseRestoring
	}
	return p.word()
}

// word returns the phase of a node that is being drained.
func (p Progress) word() string {
	now := p.Left - p.Later
	switch {
	case p.Left == 0:
		return PhaseVerifying
	case p.Completing == now:
		return PhaseCompleting
	case p.Restarting > 0 && p.Restarting+p.Terminating+p.Completing == now:
		return PhaseRestarting
	case p.Restarting > 0 && p.Restarting+p.Terminating+p.Completing+p.Blocked == now:
		return PhaseBlocked
	case p.Blocked+p.Completing == now:
		return PhaseBlocked
	case p.Terminating+p.Completing == now:
		return PhaseTerminating
	default:
		return PhaseEvicting
	}
}

func (p *podState) block(guards budgets) Block {
	b := Block{Pod: p.key(), UID: p.UID, Budget: p.Budget, Message: p.message, Since: p.blocked, Next: p.next}
	for _, g := range guards.of(p.pod) {
		b.Budget, b.Healthy, b.Needed = g.key(), int(g.Status.CurrentHealthy), int(g.Status.DesiredHealthy)
	}
	return b
}
