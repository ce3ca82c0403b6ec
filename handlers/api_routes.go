package handlers

import (
	"net/http"

	"kube-node-manager/services/template"
	"kube-node-manager/views/nodes"
)

// apiRoute describes one route that scripts use.
type apiRoute struct {
	method, path string
	group        string // see apiGroups
	name         string // operationId
	summary      string
	query, form  []apiField
	answers      map[int]any // the type of the JSON body by status
	media        string      // media type of a successful answer that is not JSON
	public       bool        // needs no token
}

// apiGroups are the groups of routes in the order of the document.
func apiGroups() []string {
	return []string{"clusters", "nodes", "batches", "templates", "views", "audit", "users", "profile", "events", "program"}
}

// clusterListJSON is the list of the HTTP contract.
type clusterListJSON struct {
	Items []clusterJSON `json:"items"`
}

// StatusJSON is the answer of a probe.
type StatusJSON struct {
	Status string `json:"status"`
}

// VersionJSON is the answer to GET /version. Only signed-in users see the revision and the
// version of Go.
type VersionJSON struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go,omitempty"`
}

// apiRoutes are all routes that answer JSON or are meant for scripts. A test compares them
// with the router.
func apiRoutes() []apiRoute {
	var routes []apiRoute
	for _, group := range [][]apiRoute{
		clusterRoutes(), clusterChangeRoutes(), ruleRoutes(), nodeRoutes(), batchRoutes(), controlRoutes(), approvalRoutes(),
		templateRoutes(),
		templateFileRoutes(), auditRoutes(), userRoutes(), userTokenRoutes(), profileRoutes(), factorRoutes(),
		terminalRoutes(),
		viewRoutes(), programRoutes(), hookRoutes(),
	} {
		routes = append(routes, group...)
	}
	return routes
}

// ok returns the answers of a route that has one kind of success.
func ok(body any) map[int]any { return map[int]any{http.StatusOK: body} }

func clusterRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/clusters", group: "clusters", name: "listClusters",
			summary: "List the clusters with what is known of them. No cluster is called.", answers: ok(clusterListJSON{}),
		},
		{
			method: "GET", path: "/clusters/{cluster}", group: "clusters", name: "showCluster",
			summary: "Show one cluster.", answers: ok(clusterJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/test", group: "clusters", name: "testCluster",
			summary: "Check the connection to a cluster.", answers: ok(clusterJSON{}),
		},
	}
}

func nodeRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/nodes", group: "nodes", name: "listAllNodes", answers: ok(allNodesJSON{}),
			summary: "List the nodes of all clusters, with filters. A cluster that does not answer fails nothing: " +
				"its entry in `clusters` says why.",
			query: append([]apiField{clustersField()}, nodeListFields()...),
		},
		{
			method: "GET", path: "/nodes.csv", group: "nodes", name: "exportAllNodes",
			summary: "All matching nodes of all clusters as CSV; `clusterProblem` says why nodes are missing or old.",
			query:   append([]apiField{clustersField()}, nodeFilters()...), media: "text/csv",
		},
		{
			method: "GET", path: "/nodes.txt", group: "nodes", name: "listAllNodeNames", media: "text/plain",
			summary: "All matching nodes of all clusters as `cluster/name`, one on each line.",
			query: append([]apiField{
				clustersField(), onlyOne("changeable", "Only nodes that you may change, of clusters that answer."),
			}, nodeFilters()...),
		},
		{
			method: "GET", path: "/clusters/{cluster}/nodes", group: "nodes", name: "listNodes",
			summary: "List nodes, with filters.", query: nodeListFields(), answers: ok(nodeListJSON{}),
		},
		{
			method: "GET", path: "/clusters/{cluster}/nodes.csv", group: "nodes", name: "exportNodes",
			summary: "All matching nodes as CSV.", query: nodeFilters(), media: "text/csv",
		},
		{
			method: "GET", path: "/clusters/{cluster}/nodes.txt", group: "nodes", name: "listNodeNames",
			summary: "The names of all matching nodes, one on each line.", query: nodeFilters(), media: "text/plain",
		},
		{
			method: "GET", path: "/clusters/{cluster}/nodes/{node}", group: "nodes", name: "showNode",
			summary: "Show one node with its pods, or with what a tab of its page shows.", query: nodeFields(),
			answers: ok(nodeDetailJSON{}),
		},
		{
			method: "GET", path: "/clusters/{cluster}/overview", group: "nodes", name: "showOverview",
			summary: "Count the nodes of a cluster by state, version, pool and zone, with its oldest cordons and drift.",
			query: []apiField{
				onlyOne("usage", "Wait for what the pods request."), onlyOne("fresh", "Bypass the cache."),
			},
			answers: ok(fleetJSON{}),
		},
		{
			method: "GET", path: "/clusters/{cluster}/labels", group: "nodes", name: "listLabels",
			summary: "List labels with their number of nodes.", query: overviewFields(), answers: ok(overviewJSON{}),
		},
		{
			method: "GET", path: "/clusters/{cluster}/taints", group: "nodes", name: "listTaints",
			summary: "List taints with their number of nodes.", query: overviewFields(), answers: ok(overviewJSON{}),
		},
	}
}

func nodeFields() []apiField {
	tabs := make([]string, len(nodes.Tabs()))
	for i, tab := range nodes.Tabs() {
		tabs[i] = string(tab)
	}
	return []apiField{
		choiceField("tab", "Add this part in place of the pods: `pods` has a drain's verdict on each pod, `labels` has the "+
			"annotations.", tabs...),
		onlyOne("fresh", "Bypass the cache."),
	}
}

func overviewFields() []apiField {
	return []apiField{
		textField("q", "Words that must all occur in the key or the value."),
		textField("key", "Only this key."),
		onlyOne("fresh", "Bypass the cache."),
	}
}

func batchRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/clusters/{cluster}/batches/preview", group: "batches", name: "previewBatchByQuery",
			summary: "Plan a batch without changing anything; the fields are in the query.", query: batchFields(),
			answers: ok(planJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/batches/preview", group: "batches", name: "previewBatch",
			summary: "Plan a batch without changing anything.", form: batchFields(), answers: ok(planJSON{}),
		},
		{
			method: "POST", path: "/clusters/{cluster}/batches", group: "batches", name: "createBatch",
			summary: "Start a batch: 200 if it has ended within the request, 202 if it is running.", form: batchFields(),
			answers: newBatchAnswers(),
		},
		{
			method: "GET", path: "/batches/preview", group: "batches", name: "previewGroupByQuery",
			summary: "Plan a batch in each of several clusters; the fields are in the query.", query: groupFields(),
			answers: ok(groupPlanJSON{}),
		},
		{
			method: "POST", path: "/batches/preview", group: "batches", name: "previewGroup",
			summary: "Plan a batch in each of several clusters without changing anything.", form: groupFields(),
			answers: ok(groupPlanJSON{}),
		},
		{
			method: "POST", path: "/batches", group: "batches", name: "createGroup",
			summary: "Start a batch in each of several clusters, or none: 200 if all have ended within the request.",
			form:    groupFields(), answers: map[int]any{
				http.StatusOK: groupJSON{}, http.StatusAccepted: groupJSON{}, http.StatusConflict: groupMovedJSON{},
			},
		},
		{
			method: "GET", path: "/batches", group: "batches", name: "listBatches",
			summary: "List batches, the newest first.", query: historyFields(), answers: ok(batchListJSON{}),
		},
		{
			method: "GET", path: "/batches/{id}", group: "batches", name: "showBatch",
			summary: "Show one batch with its nodes.", answers: ok(batchJSON{}),
			query: []apiField{textField("state", "Only nodes in this state.")},
		},
		{
			method: "GET", path: "/batches/{id}/report.csv", group: "batches", name: "exportBatch",
			summary: "The nodes of a batch as CSV.", media: "text/csv",
		},
		{
			method: "GET", path: "/batches/{id}/kubectl", group: "batches", name: "showBatchCommands",
			summary: "The kubectl commands for what a batch has changed.", media: "text/plain",
		},
	}
}

// newBatchAnswers are the answers of a route that starts a batch.
func newBatchAnswers() map[int]any {
	return map[int]any{
		http.StatusOK: batchJSON{}, http.StatusAccepted: batchJSON{}, http.StatusConflict: movedJSON{},
	}
}

func controlRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "POST", path: "/batches/{id}/cancel", group: "batches", name: "cancelBatch",
			summary: "Start nothing more and end the batch.", answers: ok(batchJSON{}),
		},
		{
			method: "POST", path: "/batches/{id}/pause", group: "batches", name: "pauseBatch",
			summary: "Start nothing more until it is resumed.", answers: ok(batchJSON{}),
		},
		{
			method: "POST", path: "/batches/{id}/resume", group: "batches", name: "resumeBatch",
			summary: "Continue a paused, waiting or interrupted batch.", form: consentFields(), answers: ok(batchJSON{}),
		},
		{
			method: "POST", path: "/batches/{id}/retry", group: "batches", name: "retryBatch",
			summary: "Start a batch with the nodes on which this one did not succeed. A drain may have other options.",
			form:    append(followUpFields(), drainFields()...), answers: newBatchAnswers(),
		},
		{
			method: "POST", path: "/batches/{id}/undo", group: "batches", name: "undoBatch",
			summary: "Start a batch that restores the previous state.", answers: newBatchAnswers(),
			form: append(followUpFields(), flagField("force", "Also revert later changes by others.")),
		},
	}
}

func templateRoutes() []apiRoute {
	created := map[int]any{http.StatusCreated: template.Template{}}
	return []apiRoute{
		{
			method: "GET", path: "/templates/{kind}", group: "templates", name: "listTemplates",
			summary: "List templates.", answers: ok(templateListJSON{}),
			query: []apiField{textField("q", "Words that must all occur."), numberOf("page", "Page, from 1.")},
		},
		{
			method: "POST", path: "/templates/{kind}/new", group: "templates", name: "createTemplate",
			summary: "Create a template.", form: templateFields(), answers: created,
		},
		{
			method: "GET", path: "/templates/{kind}/{id}", group: "templates", name: "showTemplate",
			summary: "Show one template.", answers: ok(template.Template{}),
		},
		{
			method: "GET", path: "/templates/{kind}/{id}/edit", group: "templates", name: "showTemplateToEdit",
			summary: "Show one template, if it may be changed.", answers: ok(template.Template{}),
		},
		{
			method: "POST", path: "/templates/{kind}/{id}/edit", group: "templates", name: "updateTemplate",
			summary: "Change a template: all of it, as in a new one.", answers: ok(template.Template{}),
			form: append(templateFields(),
				textField("updatedAt", "`updatedAt` as it was read; a later change by others is 409 then.")),
		},
		{
			method: "POST", path: "/templates/{kind}/{id}/delete", group: "templates", name: "deleteTemplate",
			summary: "Delete a template and return it.", answers: ok(template.Template{}),
		},
		{
			method: "POST", path: "/templates/{kind}/{id}/duplicate", group: "templates", name: "duplicateTemplate",
			summary: "Copy a template.", answers: created,
		},
	}
}

func templateFileRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "POST", path: "/templates/{kind}/import", group: "templates", name: "importTemplates",
			summary: "Store the templates of a YAML document: all of them, or none.", answers: ok(importJSON{}),
			form: []apiField{
				textField("document", "The YAML document."), onlyOne("replace", "Replace templates of the same name."),
			},
		},
		{
			method: "GET", path: "/templates/{kind}/export", group: "templates", name: "exportTemplates",
			summary: "Templates as YAML.", media: "application/yaml",
			query: []apiField{numberOf("id", "Only this template.")},
		},
	}
}

func auditRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/audit", group: "audit", name: "listAudit",
			summary: "List audit entries, the newest first.", query: auditFields(), answers: ok(auditJSON{}),
		},
		{
			method: "GET", path: "/audit.csv", group: "audit", name: "exportAudit",
			summary: "Audit entries as CSV.", query: auditFields(), media: "text/csv",
		},
	}
}

func programRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/events", group: "events", name: "followEvents",
			summary: "Follow a cluster or a batch: server-sent events `nodes`, `progress`, `done`.",
			query: []apiField{
				textField("cluster", "Name of a cluster."), textField("batch", "ID of a batch or of a group."),
				choiceField("nodes", "The nodes of all clusters.", "all"),
			},
			media: "text/event-stream",
		},
		{
			method: "GET", path: "/healthz", group: "program", name: "isAlive",
			summary: "Whether the process responds.", answers: ok(StatusJSON{}), public: true,
		},
		{
			method: "GET", path: "/readyz", group: "program", name: "isReady", public: true,
			summary: "Whether requests are accepted.",
			answers: map[int]any{http.StatusOK: StatusJSON{}, http.StatusServiceUnavailable: StatusJSON{}},
		},
		{
			method: "GET", path: "/version", group: "program", name: "showVersion",
			summary: "The version; with a token also the commit and the version of Go.", answers: ok(VersionJSON{}),
			public: true,
		},
		{
			method: "GET", path: "/metrics", group: "program", name: "readMetrics",
			summary: "Metrics in the format of Prometheus.", media: "text/plain", public: true,
		},
		{
			method: "GET", path: "/openapi.json", group: "program", name: "showOpenAPI",
			summary: "This document.", answers: ok(map[string]any{}),
		},
	}
}
