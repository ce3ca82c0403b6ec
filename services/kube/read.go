package kube

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
)

// ListNodes returns all nodes, and the resource version at which they were so. The read
// is consistent: without a resourceVersion in the request the result is never older
// than the call.
func (c *Client) ListNodes(ctx context.Context) (nodes []corev1.Node, version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, "", Explain(err, "list nodes")
	}
	return list.Items, list.ResourceVersion, nil
}

// GetNode returns one node by a consistent read.
func (c *Client) GetNode(ctx context.Context, name string) (*corev1.Node, error) {
	if err := checkNodeName(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	n, err := c.reads.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, c.doubt(ctx, Explain(err, "get nodes"))
	}
	return n, nil
}

// checkNodeName returns "not found" for a name that no node can have. Without it
// client-go would refuse a name such as "../.." before sending it, with an error
// that looks like that of an unreachable server.
func checkNodeName(name string) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return services.NewError(services.CodeNotFound, "error_node_gone")
	}
	return nil
}

// podsPerPage is how many pods EachPod asks for at a time.
const podsPerPage = 500

// EachPod calls do with each pod of the cluster, by a consistent read in pages, so that
// never more than a page of them is in memory. It returns the resource version at which
// the pods were so.
func (c *Client) EachPod(ctx context.Context, do func(p *corev1.Pod)) (version string, err error) {
	o := metav1.ListOptions{Limit: podsPerPage}
	for {
		page, err := c.podsPage(ctx, o)
		if err != nil {
			return "", Explain(err, "list pods")
		}
		for i := range page.Items {
			do(&page.Items[i])
		}
		if page.Continue == "" {
			return page.ResourceVersion, nil
		}
		o.Continue = page.Continue
	}
}

func (c *Client) podsPage(ctx context.Context, o metav1.ListOptions) (*corev1.PodList, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	return c.reads.CoreV1().Pods("").List(ctx, o)
}

// ListPods returns the pods that match a field selector. The API server answers from its
// watch cache, however old that is: good enough for totals, at a fraction of the cost.
func (c *Client) ListPods(ctx context.Context, fieldSelector string) ([]corev1.Pod, error) {
	return c.listPods(ctx, metav1.ListOptions{FieldSelector: fieldSelector, ResourceVersion: "0"})
}

// ListNodePods returns the pods that are bound to a node, by a consistent read.
func (c *Client) ListNodePods(ctx context.Context, node string) ([]corev1.Pod, error) {
	pods, err := c.listPods(ctx, metav1.ListOptions{FieldSelector: onNode(node).String()})
	return pods, c.doubt(ctx, err)
}

// ListAllPods returns every pod, by a consistent read.
func (c *Client) ListAllPods(ctx context.Context) ([]corev1.Pod, error) {
	return c.listPods(ctx, metav1.ListOptions{})
}

func (c *Client) listPods(ctx context.Context, o metav1.ListOptions) ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.CoreV1().Pods("").List(ctx, o)
	if err != nil {
		return nil, Explain(err, "list pods")
	}
	return list.Items, nil
}

// onNode selects the pods that are bound to a node.
func onNode(name string) fields.Selector {
	return fields.OneTermEqualSelector("spec.nodeName", name)
}

// ListBudgets returns every PodDisruptionBudget.
func (c *Client) ListBudgets(ctx context.Context) ([]policyv1.PodDisruptionBudget, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.PolicyV1().PodDisruptionBudgets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Explain(err, "list poddisruptionbudgets")
	}
	return list.Items, nil
}

// DaemonSets returns the UIDs of all DaemonSets.
func (c *Client) DaemonSets(ctx context.Context) (map[types.UID]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := c.reads.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, Explain(err, "list daemonsets")
	}
	uids := make(map[types.UID]bool, len(list.Items))
	for _, d := range list.Items {
		uids[d.UID] = true
	}
	return uids, nil
}

// Version returns the API server's version, such as "v1.37.2".
func (c *Client) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	raw, err := c.reads.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", Explain(err, "get version")
	}
	return gitVersion(raw)
}

func gitVersion(raw []byte) (string, error) {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", fmt.Errorf("decode version: %w", err)
	}
	return v.GitVersion, nil
}
