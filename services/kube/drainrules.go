package kube

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// clusterAPI is the group of the resources of Cluster API.
const clusterAPI = "cluster.x-k8s.io"

// MachineDrainRule is one of Cluster API: how the pods are drained that it selects, on the
// machines that it selects.
//
// Source: api/core/v1beta2/machinedrainrules_types.go of kubernetes-sigs/cluster-api.
type MachineDrainRule struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Drain struct {
			Behavior string `json:"behavior"` // Drain, Skip or WaitCompleted
			Order    *int32 `json:"order"`    // of Drain
		} `json:"drain"`
		Machines []struct { // none: all machines of the namespace
			Selector        *metav1.LabelSelector `json:"selector"`
			ClusterSelector *metav1.LabelSelector `json:"clusterSelector"`
		} `json:"machines"`
		Pods []struct { // none: all pods
			Selector          *metav1.LabelSelector `json:"selector"`
			NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector"`
		} `json:"pods"`
	} `json:"spec"`
}

// Labels are the labels of objects, by "namespace/name", or by name where there is no
// namespace.
type Labels map[string]map[string]string

// DrainRules are the MachineDrainRules of a cluster, and what they select machines by.
type DrainRules struct {
	Rules    []MachineDrainRule
	Machines Labels // of the Machines in this cluster; read only if there are rules
	Clusters Labels // of the Clusters; likewise
}

// DrainRules returns the MachineDrainRules, none if the cluster does not have Cluster API.
//
// Errors: CodeForbidden if the account may not read them, or the machines.
func (c *Client) DrainRules(ctx context.Context) (DrainRules, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	version, err := c.groupVersion(ctx, clusterAPI)
	if version == "" || err != nil {
		return DrainRules{}, err
	}
	path := "/apis/" + clusterAPI + "/" + version + "/"
	var list struct {
		Items []MachineDrainRule `json:"items"`
	}
	err = c.getJSON(ctx, path+"machinedrainrules", "application/json", &list)
	if apierrors.IsNotFound(err) {
		return DrainRules{}, nil // a version of Cluster API that does not know them
	}
	if err != nil || len(list.Items) == 0 {
		return DrainRules{}, Explain(err, "list machinedrainrules."+clusterAPI)
	}
	rules := DrainRules{Rules: list.Items}
	rules.Machines, err = c.labels(ctx, path+"machines")
	if err != nil {
		return DrainRules{}, Explain(err, "list machines."+clusterAPI)
	}
	rules.Clusters, err = c.labels(ctx, path+"clusters")
	return rules, Explain(err, "list clusters."+clusterAPI)
}

// NamespaceLabels returns the labels of all namespaces.
func (c *Client) NamespaceLabels(ctx context.Context) (Labels, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	found, err := c.labels(ctx, "/api/v1/namespaces")
	return found, Explain(err, "list namespaces")
}

// groupVersion returns the version of an API group that the cluster prefers, "" if it does
// not have the group.
func (c *Client) groupVersion(ctx context.Context, group string) (string, error) {
	var found metav1.APIGroup
	err := c.getJSON(ctx, "/apis/"+group, "application/json", &found)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	return found.PreferredVersion.Version, Explain(err, "get apis/"+group)
}

// onlyMetadata asks for a list without the specs and the status of its objects.
const onlyMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// labels reads the labels of all objects of a resource.
func (c *Client) labels(ctx context.Context, path string) (Labels, error) {
	var list metav1.PartialObjectMetadataList
	if err := c.getJSON(ctx, path, onlyMetadata, &list); err != nil {
		return nil, err
	}
	found := make(Labels, len(list.Items))
	for _, o := range list.Items {
		name := o.Name
		if o.Namespace != "" {
			name = o.Namespace + "/" + o.Name
		}
		found[name] = o.Labels
	}
	return found, nil
}

// getJSON reads what the clients of client-go have no types for. Its error is client-go's.
func (c *Client) getJSON(ctx context.Context, path, accept string, into any) error {
	var reads rest.Interface = c.reads.CoreV1().RESTClient()
	raw, err := reads.Get().AbsPath(path).SetHeader("Accept", accept).Do(ctx).Raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}
