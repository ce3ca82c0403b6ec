package rule

import (
	"cmp"
	"strings"

	"kube-node-manager/services/form"
	"kube-node-manager/services/kube"
)

// Lease is whether a batch holds a lease on each node that it works on.
type Lease struct {
	Hold bool `json:"hold"`
	// Namespace is where the leases of nodes are, also those of others.
	Namespace string `json:"namespace"`
}

func defaultLease() Lease { return Lease{Namespace: kube.LeaseNamespace} }

func (o *Lease) read(r *form.Reader) {
	o.Hold = flag(r, "node_lease", o.Hold)
	name := cmp.Or(strings.TrimSpace(r.Text("lease_namespace")), kube.LeaseNamespace)
	o.Namespace = ifSent(r, "lease_namespace", name, o.Namespace)
	if !kube.IsNamespace(o.Namespace) {
		r.Refuse("lease_namespace", "error_lease_namespace_name")
	}
}

func (o *Lease) fields(f form.Fields) {
	putFlag(f, "node_lease", o.Hold)
	putText(f, "lease_namespace", o.Namespace)
}
