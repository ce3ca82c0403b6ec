package batch

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
	"kube-node-manager/services/form"
)

const (
	// maxReason is the greatest length of a reason in characters; it becomes an
	// annotation and a line of the table.
	maxReason = 200
	// maxKey is the greatest length of an idempotency key in characters; every batch
	// keeps its own.
	maxKey = 128
)

// Request asks for a batch.
type Request struct {
	Cluster   string
	Operation string
	// Fields are those of the operation and of the rollout; each reads its own.
	Fields form.Fields
	Nodes  []string // by name; a name that comes twice counts once
	Reason string
	Zone   *time.Location // of times that have no offset; nil is UTC
	// IdempotencyKey is chosen by the client; a second request with it is answered
	// with the batch of the first.
	IdempotencyKey string
	// RetryOf is an ended batch whose operation is to be tried again, with its
	// parameters, on those of its nodes where it did not succeed.
	RetryOf  string
	Consents Consents
	// Guarded says that a person's form asks: a plan that reaches far is refused
	// with TextReach until the request carries its digest.
	Guarded bool

	preview bool // only the plan is asked for: what must be confirmed may be left out
}

// Consents are what somebody has confirmed, beside the request itself.
type Consents struct {
	Plan  string // the digest of the plan that they have seen
	Typed string // what they have typed, as the name of the cluster
	// Exceed is what they have typed to pass the limits of the cluster: its name.
	Exceed string
	// Pods is how many pods they agree to evict without regard to budgets; nil when
	// they have named no number.
	Pods *int
	// PodsUnknown agrees to evictions that could not be counted.
	PodsUnknown bool
	// Others agrees to work on nodes on which others are at work.
	Others bool
}

// podsUnknown is what the field says then.
const podsUnknown = "unknown"

// ReadConsents reads the fields plan, confirm, exceed and confirm_pods.
func ReadConsents(f form.Fields) Consents {
	c := Consents{Plan: f.Text("plan"), Typed: f.Text("confirm"), Exceed: f.Text("exceed")}
	c.PodsUnknown = f.Text("confirm_pods") == podsUnknown
	c.Others = f.Text("others") == "1"
	count, err := strconv.Atoi(f.Text("confirm_pods"))
	if err == nil {
		c.Pods = &count
	}
	return c
}

// check names what is wrong with a request of these nodes.
func (q Request) check(nodes []string) (wrong services.FieldErrors) {
	checkNodes(&wrong, nodes)
	checkReason(&wrong, q.Reason)
	n := utf8.RuneCountInString(q.IdempotencyKey)
	if n > maxKey {
		wrong.Add("idempotency_key", "error_key_long", "Count", n, "Max", maxKey)
	}
	return wrong
}

func checkNodes(wrong *services.FieldErrors, nodes []string) {
	switch {
	case len(nodes) == 0:
		wrong.Add("node", "error_nodes_none")
		return
	case len(nodes) > MaxNodes:
		wrong.Add("node", "error_nodes_many", "Count", len(nodes), "Max", MaxNodes)
		return
	}
	for _, name := range nodes {
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			wrong.Add("node", "error_node_name", "Name", services.Clip(name))
			return
		}
	}
}

func checkReason(wrong *services.FieldErrors, reason string) {
	n := utf8.RuneCountInString(strings.TrimSpace(reason))
	switch {
	case n > maxReason:
		wrong.Add("reason", "error_reason_long", "Count", n, "Max", maxReason)
	case strings.ContainsFunc(strings.TrimSpace(reason), unicode.IsControl):
		wrong.Add("reason", "error_reason_control")
	}
}

// unique returns the names once each, in the order of their first use, as far as
// one more than a batch may have.
func unique(names []string) []string {
	seen := map[string]bool{}
	out := make([]string, 0, min(len(names), MaxNodes+1))
	for _, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, name)
		if len(out) > MaxNodes {
			break
		}
	}
	return out
}
