package kube

import (
	"context"
	"encoding/json"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeMaintenanceAPI is the group of the resources of node-maintenance-operator.
const nodeMaintenanceAPI = "nodemaintenance.medik8s.io"

// maintenanceFailed is the phase of a NodeMaintenance that was given up.
const maintenanceFailed = "Failed"

// ListMaintenances is the call that reads the NodeMaintenances of a cluster.
func ListMaintenances() Call {
	return Call{Verb: "list", Group: nodeMaintenanceAPI, Resource: "nodemaintenances"}
}

// NodeMaintenance is one of node-maintenance-operator: a node is in maintenance, or about to
// be, until it is deleted.
//
// Source: api/v1beta1/nodemaintenance_types.go of medik8s/node-maintenance-operator.
type NodeMaintenance struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		NodeName string `json:"nodeName"`
		Reason   string `json:"reason"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"` // "", Running, Succeeded or Failed
	} `json:"status"`
}

// NodeMaintenances returns the NodeMaintenances that were not given up. installed is false if
// the cluster does not have node-maintenance-operator.
//
// Errors: CodeForbidden if the account may not read them.
func (c *Client) NodeMaintenances(ctx context.Context) (found []NodeMaintenance, installed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	version, err := c.groupVersion(ctx, nodeMaintenanceAPI)
	if version == "" || err != nil {
		return nil, false, err
	}
	var list struct {
		Items []NodeMaintenance `json:"items"`
	}
	err = c.getJSON(ctx, "/apis/"+nodeMaintenanceAPI+"/"+version+"/nodemaintenances", "application/json", &list)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	for _, m := range list.Items {
		if m.Status.Phase != maintenanceFailed {
			found = append(found, m)
		}
	}
	return found, true, Explain(err, ListMaintenances().String())
}

// kuredLock is the annotation of kured's DaemonSet that says which node is being rebooted,
// unless its --lock-annotation says otherwise.
const kuredLock = "weave.works/kured-node-lock"

// RebootLock is the lock of kured that a node has.
type RebootLock struct {
	Node      string
	DaemonSet string // "namespace/name"
	Since     time.Time
}

// lockValue is the annotation: of one node, or, with kured's --concurrency, of several.
//
// Source: internal/daemonsetlock/daemonsetlock.go of kubereboot/kured.
type lockValue struct {
	NodeID  string        `json:"nodeID"`
	Created time.Time     `json:"created"`
	TTL     time.Duration `json:"TTL"` // 0 for no end
	Locks   []lockValue   `json:"locks"`
}

// RebootLocks returns the locks of kured that have not expired. A value that cannot be read
// is none.
//
// Errors: CodeForbidden if the account may not list DaemonSets.
func (c *Client) RebootLocks(ctx context.Context, now time.Time) ([]RebootLock, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	var list metav1.PartialObjectMetadataList
	if err := c.getJSON(ctx, "/apis/apps/v1/daemonsets", onlyMetadata, &list); err != nil {
		return nil, Explain(err, "list daemonsets.apps")
	}
	var found []RebootLock
	for _, d := range list.Items {
		for _, l := range readLocks(d.Annotations[kuredLock]) {
			if l.NodeID != "" && (l.TTL <= 0 || now.Before(l.Created.Add(l.TTL))) {
				found = append(found, RebootLock{Node: l.NodeID, DaemonSet: d.Namespace + "/" + d.Name, Since: l.Created})
			}
		}
	}
	return found, nil
}

func readLocks(annotation string) []lockValue {
	var value lockValue
	if annotation == "" || json.Unmarshal([]byte(annotation), &value) != nil {
		return nil
	}
	return append(value.Locks, value)
}
