package handlers

import (
	"net/http"
	"slices"

	"kube-node-manager/services/cluster"
	"kube-node-manager/services/rule"
)

// clusterChangeRoutes are the routes of a connection test, and those that administrators
// change clusters with.
func clusterChangeRoutes() []apiRoute {
	tested := map[int]any{http.StatusOK: testJSON{}, http.StatusCreated: clusterJSON{}}
	return []apiRoute{
		{
			method: "GET", path: "/clusters/{cluster}/access", group: "clusters", name: "testClusterAccess",
			summary: "Test the connection to a cluster, and which calls it allows.", answers: ok(testJSON{}),
		},
		{
			method: "POST", path: "/clusters/new", group: "clusters", name: "importCluster",
			summary: "Import a cluster from a kubeconfig: 201, or 200 with the result of a test.", answers: tested,
			form: append(uploadFields(), propertyFields()...),
		},
		{
			method: "GET", path: "/clusters/{cluster}/edit", group: "clusters", name: "showClusterToEdit",
			summary: "Show one cluster, if it may be changed.", answers: ok(clusterJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/edit", group: "clusters", name: "updateCluster",
			summary: "Set the name, labels, colour, position and impersonation of a cluster.", form: propertyFields(),
			answers: ok(clusterJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/credentials", group: "clusters", name: "replaceClusterCredentials",
			summary: "Replace the address and the credentials of an imported cluster, or test them.",
			form:    uploadFields(), answers: ok(clusterJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/disable", group: "clusters", name: "disableCluster",
			summary: "Call a cluster no more.", answers: ok(clusterJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/enable", group: "clusters", name: "enableCluster",
			summary: "Use a disabled cluster again.", answers: ok(clusterJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/delete", group: "clusters", name: "deleteCluster",
			summary: "Delete an imported cluster and return it. Its history is kept.", answers: ok(clusterJSON{}),
		},
	}
}

// ruleRoutes are the routes of the rules of a cluster.
func ruleRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/clusters/{cluster}/rules", group: "clusters", name: "showRules",
			summary: "Show what holds for all maintenance of a cluster.", answers: ok(rulesJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/rules", group: "clusters", name: "setRules",
			summary: "Change the rules of a cluster; a field that is not sent keeps its value.", form: ruleFields(),
			answers: ok(rulesJSON{}),
		},
	}
}

// ruleFields are the fields of the rules of a cluster.
func ruleFields() []apiField {
	fields := []apiField{
		flagField("reason_required", "Refuse a batch without a reason."),
		textField("limit_cluster", "Most nodes of the cluster that may be cordoned or not ready, as `5` or `10%`."),
		textField("limit_pool", "The same for each pool."),
		flagField("limit_wait", "Batches wait for room; otherwise they are refused."),
		textField("namespace_rules", "What a drain does with the pods of namespaces; one rule in a line."),
		choiceField("node_conditions", "When drains set the conditions of maintenance.", rule.Auto, rule.On, rule.Off),
		choiceField("node_events", "When there are events about nodes that say what happens to them.",
			rule.Auto, rule.On, rule.Off),
		flagField("node_lease", "Hold a lease on each node that a batch works on."),
		textField("lease_namespace", "Namespace of the leases of nodes; `medik8s-leases` by default."),
	}
	fields = slices.Concat(fields, windowFields(), healthFields())
	return append(fields, flagField("approval_drain",
		"Let a drain begin only when a second person has approved its plan."))
}

// uploadFields are the fields of a kubeconfig.
func uploadFields() []apiField {
	return []apiField{
		textField("kubeconfig", "The text of the kubeconfig."),
		textField("context", "Needed if the kubeconfig has several."),
		onlyOne("insecure", "Accept `insecure-skip-tls-verify`."),
		onlyOne("test", "Test the connection, and store nothing."),
	}
}

// propertyFields are the fields of what people call and how they sort a cluster.
func propertyFields() []apiField {
	return []apiField{
		textField("name", "Name of the cluster; by default that of the context."),
		listField("labels", "`key=value`."),
		choiceField("colour", "Colour in lists.", cluster.Colours()...),
		numberOf("position", "Position in lists, from 1."),
		flagField("act_as", "Make changes in the name of their user, by impersonation."),
	}
}
