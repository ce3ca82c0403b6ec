package handlers

import (
	"slices"

	"kube-node-manager/handlers/openapi"
	"kube-node-manager/services/operation"
)

// apiField describes a parameter of a query, or a field of a form.
type apiField struct {
	name, text string
	schema     *openapi.Schema
}

func textField(name, text string) apiField {
	return apiField{name, text, &openapi.Schema{Type: openapi.Types{"string"}}}
}

func numberOf(name, text string) apiField {
	return apiField{name, text, &openapi.Schema{Type: openapi.Types{"integer"}}}
}

func flagField(name, text string) apiField {
	return apiField{name, text, &openapi.Schema{Type: openapi.Types{"boolean"}}}
}

func choiceField(name, text string, choices ...string) apiField {
	return apiField{name, text, &openapi.Schema{Type: openapi.Types{"string"}, Enum: choices}}
}

// onlyOne is a field that is either "1" or left out.
func onlyOne(name, text string) apiField { return choiceField(name, text, "1") }

func listField(name, text string) apiField {
	items := &openapi.Schema{Type: openapi.Types{"string"}}
	return apiField{name, text, &openapi.Schema{Type: openapi.Types{"array"}, Items: items}}
}

// clustersField chooses among all clusters.
func clustersField() apiField { return listField("cluster", "Only these clusters.") }

// nodeFilters are the filters of the node list.
func nodeFilters() []apiField {
	return []apiField{
		textField("q", "Words that must all match: text in the row, `!word` for the opposite, terms such as `zone:a`, "+
			"`pool=gpu` and `cpu>80%`, label selectors such as `env in (prod,stage)`, or a list of names, of which "+
			"`unknownNames` returns those that no node has. docs/api.md has all of it."),
		choiceField("status", "Status of the node.", "Ready", "NotReady", "Unknown", "NoContact"),
		choiceField("sched", "Whether new pods can be scheduled.", "schedulable", "limited", "cordoned"),
		textField("role", "A role, such as `control-plane`."),
		textField("pool", "A node pool; `-` for nodes without one."),
		textField("zone", "A zone; `-` for nodes without one."),
		textField("version", "A version of the kubelet, such as `v1.36.2`."),
		textField("condition", "A type of condition that is in its bad state, such as `DiskPressure`: see `problems`."),
		textField("label", "`key` or `key=value`."),
		textField("taint", "`key`, `key=value` or `key=value:Effect`."),
		textField("group", "Groups the nodes by `pool`, `zone`, `version`, `type` (of the instance), `role`, `status` or "+
			"`label:KEY`; the order is that inside the groups."),
		textField("in", "Only the group with this `key`; needs `group`."),
		choiceField("sort", "Order of the nodes.",
			"name", "cluster", "status", "version", "zone", "pool", "gpus", "age", "cpu", "memory",
			"pods"),
		textField("cols", "Columns of the CSV, in their order, with commas between; all usual ones if left out."),
		choiceField("dir", "`desc` reverses the order.", "asc", "desc"),
	}
}

func nodeListFields() []apiField {
	return append(nodeFilters(),
		numberOf("page", "Page, from 1."),
		numberOf("size", "Nodes per page: 50, 100 or 200."),
		onlyOne("usage", "Include the requested CPU and memory and the number of pods."),
		onlyOne("fresh", "Bypass the cache."),
	)
}

// batchFields are the fields of a new batch and of its plan.
func batchFields() []apiField {
	names := make([]string, 0, len(operation.All()))
	for _, d := range operation.All() {
		names = append(names, d.Name)
	}
	fields := []apiField{
		choiceField("operation", "What to do.", names...),
		listField("node", "Names of nodes."),
		onlyOne("all", "All nodes that match the filters of the node list, instead of `node`. A filter may be written "+
			"as `filter.q` and so on; it must be if the operation has a parameter with the same name."),
		listField("except", "Nodes to leave out."),
		textField("reason", "One line, at most 200 characters."),
		textField("idempotency_key", "At most 128 characters. A second request with the same key returns the batch of "+
			"the first one."),
	}
	fields = append(fields, consentFields()...)
	fields = append(fields, rolloutFields()...)
	fields = append(fields, startFields()...)
	fields = append(fields, operationFields()...)
	return append(fields, drainFields()...)
}

// groupFields are the fields of batches in several clusters.
func groupFields() []apiField {
	instead := map[string]apiField{
		"node":         listField("node", "Nodes as `cluster/node`, with the cluster escaped as in a path."),
		"plan":         textField("plan", "`digest` of a preview of all clusters."),
		"confirm":      listField("confirm", "The names of the clusters where an administrator must confirm."),
		"exceed":       listField("exceed", "The names of the clusters where an administrator exceeds a limit."),
		"confirm_pods": listField("confirm_pods", "As for one cluster, as `cluster/number`."),
	}
	alone := []string{"retry_of", "source", "pod", "uid", "undo_of"}
	fields := []apiField{
		listField("cluster", "With `all`: only these clusters."),
		listField("leave", "Clusters whose nodes may be left out, because it is not possible there."),
	}
	for _, f := range batchFields() {
		other, ok := instead[f.name]
		if ok {
			f = other
		}
		if !slices.Contains(alone, f.name) {
			fields = append(fields, f)
		}
	}
	return fields
}

func consentFields() []apiField {
	return []apiField{
		textField("plan", "`digest` of a preview. The request fails with 409 if the plan has changed since."),
		textField("confirm", "The name of the cluster (of the pod to delete one), where an administrator must confirm."),
		textField("exceed", "The name of the cluster, where an administrator exceeds one of its limits."),
		textField("confirm_pods", "The number of pods in the plan that a NoExecute taint evicts, or `unknown`."),
		onlyOne("others", "Work on nodes on which others are at work, too; see `others` of the plan."),
	}
}

func rolloutFields() []apiField {
	return []apiField{
		numberOf("canary", "Number of nodes that go first."),
		textField("canary_wait", "Time after which the batch continues if no canary node has failed, such as `15m`. "+
			"Without it, the batch waits for `resume`."),
		choiceField("order", "One zone or pool at a time.", "listed", "zone", "pool"),
		numberOf("wave_size", "Split the nodes, or each zone or pool, into waves of at most this size."),
		textField("wave_pause", "Pause between waves, such as `90s`."),
		numberOf("parallel", "Nodes at a time, at most 100."),
		textField("max_failures", "Stop after this many failed nodes, such as `3`, or this share, such as `10%`."),
	}
}

func operationFields() []apiField {
	return []apiField{
		choiceField("mode", "How labels, taints and annotations change; copied taints replace or merge.",
			operation.ModeAdd, operation.ModeRemove, operation.ModeReplace, operation.ModeMerge),
		listField("label", "`key=value`, or `key-` to remove it."),
		listField("taint", "`key=value:Effect` or `key:Effect`; `key:Effect-` removes one, `key-` all of the key."),
		listField("annotation", "`key=value`, or `key-` to remove it."),
		flagField("overwrite", "Whether another value of the same key may be replaced; true by default."),
		textField("template", "ID of a template, instead of `label` or `taint`. `value.{key}` chooses a value where it "+
			"has several."),
		textField("source", "Node whose taints are copied."),
		textField("pod", "Pod to delete, as `namespace/name`."),
		textField("uid", "UID of the pod to delete."),
		textField("undo_of", "Batch that an undo reverts."),
		flagField("force", "A drain: evict pods without a controller; needs `confirm`. An undo: also revert later "+
			"changes by others."),
	}
}

func drainFields() []apiField {
	return []apiField{
		flagField("ignore_daemonsets", "Ignore DaemonSet pods; true by default."),
		flagField("delete_emptydir", "Evict pods with emptyDir volumes; their data is lost."),
		flagField("disrupt", "Evict pods that ask not to be disrupted, or whose namespace the rules ask about."),
		flagField("restart_first", "Restart Deployments of a single pod, or whose budget never allows an eviction, so that "+
			"a new pod is ready elsewhere before the old one goes."),
		textField("grace_period", "Grace period of the pods; by default each pod's own."),
		textField("timeout", "Time limit per node, 15m by default; 0 means none."),
		textField("pod_selector", "Evict only pods that match this label selector."),
		textField("skip_wait_seconds", "Do not wait for pods that have been terminating for longer."),
		flagField("restore", "Uncordon nodes whose drain fails or is cancelled, if this batch cordoned them."),
	}
}

// followUpFields are the fields of a batch that goes back to another one.
func followUpFields() []apiField {
	fields := []apiField{
		listField("node", "Only these nodes of the batch."),
		textField("reason", "One line, at most 200 characters."),
		textField("idempotency_key", "As in a new batch."),
	}
	fields = append(fields, consentFields()...)
	return append(fields, rolloutFields()...)
}

// periodFields are the filters by time of the history and of the audit log.
func periodFields() []apiField {
	return []apiField{
		choiceField("since", "Only of this period.", "today", "7d", "30d"),
		textField("from", "First day, in UTC, or RFC 3339 time."),
		textField("to", "Last day, in UTC, or RFC 3339 time."),
		textField("before", "ID of an entry: return older ones."),
	}
}

func historyFields() []apiField {
	return append([]apiField{
		textField("q", "At most 8 words that must all occur in the reason, user, ID or node names."),
		textField("cluster", "Name of a cluster."),
		textField("operation", "Name of an operation."),
		textField("state", "State of the batches."),
		textField("by", "Name of a user."),
		textField("node", "Name of a node."),
		textField("group", "ID of the group of batches that were started together in several clusters."),
	}, periodFields()...)
}

func auditFields() []apiField {
	return append([]apiField{
		textField("q", "At most 8 words that must all occur."),
		textField("actor", "Name of a user."),
		textField("action", "What was done."),
		textField("cluster", "Name of a cluster."),
		textField("object", "What it was done to."),
		textField("node", "Name of a node: only batches that have it."),
		textField("result", "How it ended."),
	}, periodFields()...)
}

func templateFields() []apiField {
	return []apiField{
		textField("name", "Name of the template."),
		textField("description", "What it is for."),
		listField("entry", "`key=value`, or `key=a|b|c` for several values; of taints with `:Effect` at the end."),
		listField("cluster", "The clusters in which it may be applied; all if left out."),
	}
}
