package drain

import (
	"maps"
	"slices"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
)

// storageOperator runs storage in the cluster, and keeps its replicas by budgets that it
// changes while a node is drained.
type storageOperator struct {
	name   string
	domain string // its API groups, and the keys of its labels, are in this domain
	app    string // its pods have labels whose values begin so; "" for none
}

// storageOperators lists those that are known.
//
// Rook lets one failure domain go: as soon as a node of it is drained, its budgets for all
// other domains allow nothing until the drained daemons are back and the data is clean
// (design/ceph/ceph-managed-disruptionbudgets.md). Longhorn keeps the node of the last
// healthy replica of a volume. The others count replicas over nodes or zones.
func storageOperators() []storageOperator {
	return []storageOperator{
		{"Rook", "rook.io", "rook-ceph-"},
		{"Longhorn", "longhorn.io", "longhorn-"},
		{"Portworx", "libopenstorage.org", "px-"},
		{"Piraeus", "piraeus.io", ""},
		{"OpenEBS", "openebs.io", ""},
	}
}

// storageOf returns the name of the storage operator that a budget belongs to, "" for none.
func storageOf(b *policyv1.PodDisruptionBudget) string {
	for _, o := range storageOperators() {
		if o.owns(b) {
			return o.name
		}
	}
	return ""
}

// owns reports whether a budget is the operator's: by its owner, its labels, or the pods
// that it selects.
func (o storageOperator) owns(b *policyv1.PodDisruptionBudget) bool {
	for _, owner := range b.OwnerReferences {
		group, _, _ := strings.Cut(owner.APIVersion, "/")
		if o.inDomain(group) {
			return true
		}
	}
	if o.named(b.Labels) {
		return true
	}
	if b.Spec.Selector == nil {
		return false
	}
	if o.named(b.Spec.Selector.MatchLabels) {
		return true
	}
	for _, e := range b.Spec.Selector.MatchExpressions {
		for _, value := range e.Values {
			if o.named(map[string]string{e.Key: value}) {
				return true
			}
		}
	}
	return false
}

// named reports whether one of the labels is the operator's.
func (o storageOperator) named(labels map[string]string) bool {
	for key, value := range labels {
		prefix, _, prefixed := strings.Cut(key, "/")
		if prefixed && o.inDomain(prefix) {
			return true
		}
		if o.app != "" && (key == "app" || key == "app.kubernetes.io/name") && strings.HasPrefix(value, o.app) {
			return true
		}
	}
	return false
}

func (o storageOperator) inDomain(name string) bool {
	return name == o.domain || strings.HasSuffix(name, "."+o.domain)
}

// StorageRisk is a storage operator with pods in several failure domains of a plan: its
// budgets may let none go but those of the first.
type StorageRisk struct {
	Operator string   `json:"operator"`
	Budgets  []string `json:"budgets"`         // that guard pods of the plan, "namespace/name"
	Zones    []string `json:"zones,omitempty"` // with such pods; none where the nodes have no zones
	Nodes    int      `json:"nodes"`           // with such pods
}

// Storage returns the storage operators whose budgets the plan may be locked by.
func (p Plan) Storage() []StorageRisk {
	operators := map[string]string{} // by budget
	for _, b := range p.Budgets {
		operators[b.Name] = b.Storage
	}
	reached := map[string]*storageReach{}
	for _, n := range p.Nodes {
		for _, pod := range n.Pods {
			if operator := operators[pod.Budget]; operator != "" {
				reachOf(reached, operator).add(n, pod.Budget)
			}
		}
	}
	var risks []StorageRisk
	for _, operator := range slices.Sorted(maps.Keys(reached)) {
		if risk := reached[operator].risk(operator); len(risk.Zones) > 1 || len(risk.Zones) == 0 && risk.Nodes > 1 {
			risks = append(risks, risk)
		}
	}
	return risks
}

// storageReach is where a plan meets the pods of a storage operator.
type storageReach struct{ budgets, zones, nodes map[string]bool }

func reachOf(all map[string]*storageReach, operator string) *storageReach {
	if all[operator] == nil {
		all[operator] = &storageReach{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	}
	return all[operator]
}

func (r *storageReach) add(n NodePlan, budget string) {
	r.budgets[budget], r.nodes[n.Node] = true, true
	if n.Zone != "" {
		r.zones[n.Zone] = true
	}
}

func (r *storageReach) risk(operator string) StorageRisk {
	return StorageRisk{
		Operator: operator, Budgets: slices.Sorted(maps.Keys(r.budgets)), Zones: slices.Sorted(maps.Keys(r.zones)),
		Nodes: len(r.nodes),
	}
}
