package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Found is a node's detail. AsOf is the age of its oldest part, and Stale why a
// part of it could not be read again.
type Found struct {
	Detail
	AsOf  time.Time
	Stale error
}

// Get gives the detail of one node. With fresh, nothing that was read before
// the call is good enough. Otherwise the node itself is as fresh as a list: it
// is read again when it is older than lists may be, or when the cluster's list
// is newer and shows it changed. Its pods may be older.
func (s *Service) Get(ctx context.Context, cluster, name string, fresh bool) (Found, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return Found{}, err
	}
	client, err := s.clients.Client(cluster)
	if err != nil {
		return Found{}, err
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return Found{}, services.NewError(services.CodeNotFound, "error_node_gone") // no node can be called that
	}
	// The node is read last: a clearing while the pods are waited for must not
	// leave an older node in the page.
	pods, podsErr := s.podsOn(ctx, client, cluster, name, fresh)
	n, err := s.one(ctx, client, cluster, name, fresh)
	if err != nil {
		return Found{}, tooLong(err)
	}
	found := Found{Detail: n.Value, AsOf: n.AsOf, Stale: n.Stale}
	found.Resources = slices.Clone(found.Resources)
	if podsErr != nil {
		found.PodsError = tooLong(podsErr)
		return found, nil
	}
	found.addPods(pods.Value)
	found.Stale = cmp.Or(found.Stale, pods.Stale)
	if pods.AsOf.Before(found.AsOf) {
		found.AsOf = pods.AsOf
	}
	return found, nil
}

// one returns a node without its pods that is no older than what the cluster's
// list shows of it. A cluster that does not answer leaves the old one.
func (s *Service) one(
	ctx context.Context, client *kube.Client, cluster, name string, fresh bool,
) (cache.Snapshot[Detail], error) {
	key := cache.Key{Cluster: cluster, Kind: kindNode, Name: name}
	load := func(ctx context.Context) (Detail, error) {
		n, err := client.GetNode(ctx, name)
		if err != nil {
			return Detail{}, err
		}
		return newDetail(n), nil
	}
	if fresh {
		return cache.Fresh(ctx, s.cache, key, s.node, load)
	}
	found, err := cache.Get(ctx, s.cache, key, s.node, load)
	if err != nil {
		return found, err
	}
	list, known := s.Known(cluster)
	if !known || !list.AsOf.After(found.AsOf) {
		return found, nil
	}
	if list.shows(&found.Value.Node) {
		found.AsOf = list.AsOf
		return found, nil
	}
	again, err := cache.Fresh(ctx, s.cache, key, s.node, load)
	if code := services.CodeOf(err); code == services.CodeUnavailable || code == services.CodeTimeout {
		found.Stale = tooLong(err)
		return found, nil
	}
	return again, err
}

// shows reports whether the list has this very version of a node.
func (i Inventory) shows(n *Node) bool {
	listed := i.Find(n.Name)
	return listed != nil && listed.UID == n.UID && listed.ResourceVersion == n.ResourceVersion
}

// podsOn returns the pods on a node.
func (s *Service) podsOn(
	ctx context.Context, client *kube.Client, cluster, name string, fresh bool,
) (cache.Snapshot[onNode], error) {
	key := cache.Key{Cluster: cluster, Kind: kindOnNode, Name: name}
	load := func(ctx context.Context) (onNode, error) {
		pods, err := client.ListPods(ctx, fields.OneTermEqualSelector("spec.nodeName", name).String())
		return onNode{pods: podsOf(pods), used: usageByNode(pods)[name]}, err
	}
	if fresh {
		return cache.Fresh(ctx, s.cache, key, s.pods, load)
	}
	return cache.Get(ctx, s.cache, key, s.pods, load)
}

// onNode is the pods on a node and what they have requested.
type onNode struct {
	pods []Pod
	used Usage
}

// addPods fills in what the pods tell.
func (d *Detail) addPods(on onNode) {
	d.Pods = on.pods
	requested := map[corev1.ResourceName]int64{
		corev1.ResourceCPU: on.used.CPU, corev1.ResourceMemory: on.used.Memory, corev1.ResourcePods: on.used.Pods,
	}
	for i := range d.Resources {
		if v, ok := requested[corev1.ResourceName(d.Resources[i].Name)]; ok {
			d.Resources[i].Requested = v
		}
	}
}

// newDetail makes the detail of a node whose pods are not known yet.
func newDetail(n *corev1.Node) Detail {
	info := n.Status.NodeInfo
	d := Detail{
		Node: *FromKube(n),
		Info: Info{
			OSImage: info.OSImage, OS: info.OperatingSystem, Architecture: info.Architecture,
			Kernel: info.KernelVersion, ContainerRuntime: info.ContainerRuntimeVersion, ProviderID: n.Spec.ProviderID,
		},
	}
	for _, c := range n.Status.Conditions {
		d.Conditions = append(d.Conditions, Condition{
			Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message, Since: c.LastTransitionTime.Time,
		})
	}
	for _, a := range n.Status.Addresses {
		d.Addresses = append(d.Addresses, Address{Type: string(a.Type), Address: a.Address})
	}
	d.Resources = resourcesOf(n)
	return d
}

// resourcesOf lists every resource of the node, CPU, memory and pods first.
func resourcesOf(n *corev1.Node) []Resource {
	names := make([]corev1.ResourceName, 0, len(n.Status.Capacity))
	for name := range n.Status.Capacity {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b corev1.ResourceName) int {
		return strings.Compare(resourceRank(a)+string(a), resourceRank(b)+string(b))
	})
	out := make([]Resource, 0, len(names))
	for _, name := range names {
		r := Resource{Name: string(name), Unit: unitOf(name), Requested: -1}
		r.Capacity, r.Allocatable = quantity(n.Status.Capacity, name), quantity(n.Status.Allocatable, name)
		out = append(out, r)
	}
	return out
}

func resourceRank(name corev1.ResourceName) string {
	switch name {
	case corev1.ResourceCPU:
		return "0"
	case corev1.ResourceMemory:
		return "1"
	case corev1.ResourcePods:
		return "2"
	default:
		return "3"
	}
}

func unitOf(name corev1.ResourceName) string {
	switch {
	case name == corev1.ResourceCPU:
		return "cpu"
	case name == corev1.ResourceMemory, name == corev1.ResourceEphemeralStorage, strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
		return "memory"
	default:
		return ""
	}
}

func quantity(list corev1.ResourceList, name corev1.ResourceName) int64 {
	q := list[name]
	if name == corev1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}

func podsOf(pods []corev1.Pod) []Pod {
	out := make([]Pod, len(pods))
	for i := range pods {
		p := &pods[i]
		out[i] = Pod{Namespace: p.Namespace, Name: p.Name, Phase: phaseOf(p), Owner: ownerOf(p), CreatedAt: p.CreationTimestamp.Time}
		out[i].CPU, out[i].Memory = requests(p)
	}
	slices.SortFunc(out, func(a, b Pod) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out
}

func phaseOf(p *corev1.Pod) string {
	if p.DeletionTimestamp != nil {
		return "Terminating"
	}
	return string(p.Status.Phase)
}

func ownerOf(p *corev1.Pod) string {
	for _, o := range p.OwnerReferences {
		if o.Controller != nil && *o.Controller {
			return o.Kind + "/" + o.Name
		}
	}
	return ""
}
