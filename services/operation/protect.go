package operation

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services/node"
)

// Protection says which labels, taints and annotations belong to somebody else: to the
// kubelet and the controllers of Kubernetes, to the cloud, to what makes and
// removes nodes. A replacement or a copy never touches them. Its zero value
// protects nothing.
type Protection struct {
	rules []rule // the last one that matches decides
}

type rule struct {
	domain string // with its subdomains; "" for an exact key
	key    string
	free   bool // the rule lifts the protection
}

// protectedByDefault are the patterns that need no option. The kubelet writes
// its labels again at every start, and controllers act on their taints: see
// k8s.io/api/core/v1/well_known_labels.go and well_known_taints.go, Karpenter's
// and Cluster API's documentation, and the cloud providers' managed nodes.
func protectedByDefault() []string {
	return []string{
		"kubernetes.io/*", "k8s.io/*", "x-k8s.io/*",
		"karpenter.sh/*", "karpenter.k8s.aws/*", "amazonaws.com/*", "csi.aws.com/*", "eksctl.io/*",
		"cloud.google.com/*", "gke.io/*", "azure.com/*", "digitalocean.com/*", "oraclecloud.com/*", "alibabacloud.com/*",
		"openshift.io/*", "cattle.io/*", "rancher.io/*", "nvidia.com/*", "k3s.io/*", "rke2.io/*",
		// annotations of network plugins, by which they know their nodes
		"projectcalico.org/*", "cilium.io/*", "flannel.alpha.coreos.com/*", "ovn.org/*",
		"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler",
	}
}

// NewProtection protects what is protected by default and what the patterns
// say: "example.com/*" means every key of the domain and its subdomains, any
// other pattern one key. One that begins with "!" lifts the protection. The
// last pattern that matches decides.
func NewProtection(patterns ...string) (Protection, error) {
	var p Protection
	var errs []error
	for _, text := range append(protectedByDefault(), patterns...) {
		r, err := parseRule(text)
		errs = append(errs, err)
		p.rules = append(p.rules, r)
	}
	return p, errors.Join(errs...)
}

func parseRule(text string) (rule, error) {
	rest, free := strings.CutPrefix(text, "!")
	if domain, ok := strings.CutSuffix(rest, "/*"); ok {
		if len(validation.IsDNS1123Subdomain(domain)) > 0 {
			return rule{}, fmt.Errorf("%q: %q is not a domain", text, domain)
		}
		return rule{domain: domain, free: free}, nil
	}
	if len(validation.IsQualifiedName(rest)) > 0 {
		return rule{}, fmt.Errorf("%q is neither a key nor of the form domain/*", text)
	}
	return rule{key: rest, free: free}, nil
}

// Label reports whether the label of that key is protected.
func (p Protection) Label(key string) bool { return p.covers(key) }

// Taint reports whether the taint is protected.
func (p Protection) Taint(t node.Taint) bool { return p.covers(t.Key) }

// Split separates taints that may be copied from those that are protected.
func (p Protection) Split(taints []node.Taint) (free, protected []node.Taint) {
	for _, t := range taints {
		if p.Taint(t) {
			protected = append(protected, t)
		} else {
			free = append(free, t)
		}
	}
	return free, protected
}

func (p Protection) covers(key string) bool {
	for i := len(p.rules) - 1; i >= 0; i-- {
		if p.rules[i].matches(key) {
			return !p.rules[i].free
		}
	}
	return false
}

func (r rule) matches(key string) bool {
	if r.domain == "" {
		return r.key == key
	}
	domain, _, ok := strings.Cut(key, "/")
	return ok && (domain == r.domain || strings.HasSuffix(domain, "."+r.domain))
}
