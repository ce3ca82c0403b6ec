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

// Found is the detail of a node and its age. AsOf is the time at which its oldest
// part was read, and Stale is why a part could not be refreshed.
type Found struct {
	Detail
	AsOf  time.Time
	Stale error
}

// Get returns the detail of one node. With fresh, all of it is read after the
// call. Otherwise the node itself is as fresh as the list: it is read again if it
// is older than the TTL of lists, or if the cluster's list is newer and shows that
// the node has changed. Its pods may be older.
func (s *Service) Get(ctx context.Context, cluster, name string, fresh bool) (Found, error) {
	client, err := s.clientFor(ctx, cluster, name)
	if err != nil {
		return Found{}, err
	}
	// The node is read last. If it were read first, and the cluster were cleared
	// while the pods are loaded, the page would show the node of before.
	pods, podsErr := s.podsOn(ctx, client, cluster, name, fresh)
	n, err := s.withoutPods(ctx, client, cluster, name, fresh)
	if err != nil {
		return Found{}, explainDeadline(err)
	}
	found := Found{Detail: n.Value, AsOf: n.AsOf, Stale: n.Stale}
	found.Cluster = cluster
	found.addInUse(s.inUse(ctx, cluster, true))
	if podsErr != nil {
		found.PodsError = explainDeadline(podsErr)
		return found, nil
	}
	found.addPods(pods)
	return found, nil
}

// GetQuick is like Get, but reads no pods. What they request is only known if the cache has
// the usage of the cluster.
func (s *Service) GetQuick(ctx context.Context, cluster, name string, fresh bool) (Found, error) {
	client, err := s.clientFor(ctx, cluster, name)
	if err != nil {
		return Found{}, err
	}
	n, err := s.withoutPods(ctx, client, cluster, name, fresh)
	if err != nil {
		return Found{}, explainDeadline(err)
	}
	found := Found{Detail: n.Value, AsOf: n.AsOf, Stale: n.Stale}
	found.addInUse(s.inUse(ctx, cluster, false))
	usage, known := s.knownUsage(cluster)
	if known {
		found.addUsage(usage[name])
	}
	return found, nil
}

// WithKnownPods adds the pods of the node and what they request, if the cache has them.
func (s *Service) WithKnownPods(cluster string, f Found) Found {
	key := cache.Key{Cluster: cluster, Kind: kindOnNode, Name: f.Name}
	pods, ok := cache.Peek[onNode](s.cache, key, s.pods)
	if ok {
		f.addPods(pods)
	}
	return f
}

// Measured reports whether it is known what the node uses.
func (d Detail) Measured() bool {
	return slices.ContainsFunc(d.Resources, func(r Resource) bool { return r.InUse >= 0 })
}

// UsageKnown reports whether it is known what the pods of the node request.
func (d Detail) UsageKnown() bool {
	return slices.ContainsFunc(d.Resources, func(r Resource) bool { return r.Requested >= 0 })
}

// clientFor returns the client for reading a node, if the actor may see it and if a node
// can have that name.
func (s *Service) clientFor(ctx context.Context, cluster, name string) (*kube.Client, error) {
	if err := services.RequireIn(ctx, cluster, services.PermitSee); err != nil {
		return nil, err
	}
	client, err := s.clients.Client(cluster)
	if err != nil {
		return nil, err
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return nil, services.NewError(services.CodeNotFound, "error_node_gone")
	}
	return client, nil
}

// withoutPods returns the detail of a node without its pods. The node is at least
// as new as in the cluster's list, unless the cluster does not answer.
func (s *Service) withoutPods(
	ctx context.Context, client *kube.Client, cluster, name string, fresh bool,
) (cache.Snapshot[Detail], error) {
	key := cache.Key{Cluster: cluster, Kind: kindNode, Name: name}
	load := func(ctx context.Context) (Detail, error) {
		if err := s.down(cluster, fresh); err != nil {
			return Detail{}, err
		}
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
	if err != nil || s.confirm(cluster, &found) {
		return found, err
	}
	again, err := cache.Fresh(ctx, s.cache, key, s.node, load)
	unanswered := services.CodeOf(err) == services.CodeUnavailable || services.CodeOf(err) == services.CodeTimeout
	if !unanswered {
		return again, err
	}
	found.Stale = explainDeadline(err)
	return found, nil
}

// confirm reports whether the node is at least as new as in the cluster's list. If
// a newer list shows the same version of the node, the node is as new as the list.
func (s *Service) confirm(cluster string, n *cache.Snapshot[Detail]) bool {
	list, known := s.Known(cluster)
	if !known || !list.AsOf.After(n.AsOf) {
		return true
	}
	if !list.shows(&n.Value.Node) {
		return false
	}
	n.AsOf = list.AsOf
	return true
}

// shows reports whether the list has the same version of a node.
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
		if err := s.down(cluster, fresh); err != nil {
			return onNode{}, err
		}
		pods, err := client.ListPods(ctx, fields.OneTermEqualSelector("spec.nodeName", name).String())
		return onNode{pods: podsOf(pods), used: sum(pods)}, err
	}
	if fresh {
		return cache.Fresh(ctx, s.cache, key, s.pods, load)
	}
	return cache.Get(ctx, s.cache, key, s.pods, load)
}

// onNode is the pods on a node and the sum of their requests.
type onNode struct {
	pods []Pod
	used Usage
}

// addPods adds the pods and their requests.
func (f *Found) addPods(pods cache.Snapshot[onNode]) {
	f.Pods = pods.Value.pods
	f.Stale = cmp.Or(f.Stale, pods.Stale)
	if pods.AsOf.Before(f.AsOf) {
		f.AsOf = pods.AsOf
	}
	f.addUsage(pods.Value.used)
}

// addUsage adds what the pods request.
func (f *Found) addUsage(used Usage) {
	requested := map[corev1.ResourceName]int64{
		corev1.ResourceCPU: used.CPU, corev1.ResourceMemory: used.Memory, corev1.ResourcePods: used.Pods,
	}
	f.Resources = slices.Clone(f.Resources) // the cache shares the original
	for i := range f.Resources {
		if v, ok := requested[corev1.ResourceName(f.Resources[i].Name)]; ok {
			f.Resources[i].Requested = v
		}
	}
}

// addInUse adds what the node uses, if the cluster measures it.
func (f *Found) addInUse(measured map[string]Used) {
	used, known := measured[f.Name]
	if !known {
		return
	}
	f.Resources = slices.Clone(f.Resources) // the cache shares the original
	for i, r := range f.Resources {
		switch corev1.ResourceName(r.Name) {
		case corev1.ResourceCPU:
			f.Resources[i].InUse = used.CPU
		case corev1.ResourceMemory:
			f.Resources[i].InUse = used.Memory
		}
	}
}

// newDetail returns the detail of a node without its pods.
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
			Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message,
			Since: c.LastTransitionTime.Time, Heartbeat: c.LastHeartbeatTime.Time,
		})
	}
	for _, a := range n.Status.Addresses {
		d.Addresses = append(d.Addresses, Address{Type: string(a.Type), Address: a.Address})
	}
	d.Resources = resourcesOf(n)
	return d
}

// resourcesOf returns all resources of the node: CPU, memory and pods, then the
// others.
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
		r := Resource{Name: string(name), Unit: unitOf(name), Requested: -1, InUse: -1}
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
	hugePages := strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
	switch {
	case name == corev1.ResourceCPU:
		return "cpu"
	case name == corev1.ResourceMemory, name == corev1.ResourceEphemeralStorage, hugePages:
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
		out[i] = PodFromKube(&pods[i])
	}
	slices.SortFunc(out, func(a, b Pod) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return out
}

// PodFromKube converts a pod to its read model.
func PodFromKube(p *corev1.Pod) Pod {
	out := Pod{
		Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), Phase: phaseOf(p), Owner: ownerOf(p),
		CreatedAt: p.CreationTimestamp.Time,
	}
	out.CPU, out.Memory = requests(p)
	for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, s := range statuses {
			out.Restarts += int(s.RestartCount)
		}
	}
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
