package node

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Found is a node's detail with its age.
type Found struct {
	Detail
	AsOf  time.Time
	Stale error
}

// Get gives the detail of one node. With fresh, nothing that was read before
// the call is good enough.
func (s *Service) Get(ctx context.Context, cluster, name string, fresh bool) (Found, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return Found{}, err
	}
	client, err := s.clients.Client(cluster)
	if err != nil {
		return Found{}, err
	}
	read := cache.Get[Detail]
	if fresh {
		read = cache.Fresh[Detail]
	}
	found, err := read(ctx, s.cache, cache.Key{Cluster: cluster, Kind: kindDetail, Name: name}, s.detail, func(ctx context.Context) (Detail, error) {
		return loadDetail(ctx, client, name)
	})
	return Found{Detail: found.Value, AsOf: found.AsOf, Stale: found.Stale}, err
}

// loadDetail reads the node and its pods. A node whose pods may not be read is
// shown without them.
func loadDetail(ctx context.Context, client *kube.Client, name string) (Detail, error) {
	n, err := client.GetNode(ctx, name)
	if err != nil {
		return Detail{}, err
	}
	pods, podsErr := client.ListPods(ctx, fields.OneTermEqualSelector("spec.nodeName", name).String())
	return newDetail(n, pods, podsErr), nil
}

func newDetail(n *corev1.Node, pods []corev1.Pod, podsErr error) Detail {
	info := n.Status.NodeInfo
	d := Detail{
		Node: *FromKube(n),
		Info: Info{
			OSImage: info.OSImage, OS: info.OperatingSystem, Architecture: info.Architecture,
			Kernel: info.KernelVersion, ContainerRuntime: info.ContainerRuntimeVersion, ProviderID: n.Spec.ProviderID,
		},
		PodsError: podsErr,
	}
	for _, c := range n.Status.Conditions {
		d.Conditions = append(d.Conditions, Condition{
			Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message, Since: c.LastTransitionTime.Time,
		})
	}
	for _, a := range n.Status.Addresses {
		d.Addresses = append(d.Addresses, Address{Type: string(a.Type), Address: a.Address})
	}
	if podsErr == nil {
		d.Pods = podsOf(pods)
	}
	d.Resources = resourcesOf(n, pods, podsErr == nil)
	return d
}

// resourcesOf lists every resource of the node, CPU, memory and pods first.
func resourcesOf(n *corev1.Node, pods []corev1.Pod, known bool) []Resource {
	used := usageByNode(pods)[n.Name]
	requested := map[corev1.ResourceName]int64{
		corev1.ResourceCPU: used.CPU, corev1.ResourceMemory: used.Memory, corev1.ResourcePods: used.Pods,
	}
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
		if v, ok := requested[name]; ok && known {
			r.Requested = v
		}
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
