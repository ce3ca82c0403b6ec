package handlers

import (
	"net/http"

	"kube-node-manager/services/saved"
)

func viewRoutes() []apiRoute {
	return []apiRoute{
		{
			method: "GET", path: "/views", group: "views", name: "listViews",
			summary: "List one's own saved views of the node list, then the shared ones.", answers: ok(viewListJSON{}),
		},
		{
			method: "POST", path: "/views", group: "views", name: "createView", summary: "Save a view.",
			form: append(viewFields(),
				onlyOne("replace", "Replace one's own view of the same name, if there is one.")),
			answers: map[int]any{http.StatusCreated: saved.View{}},
		},
		{
			method: "GET", path: "/views/{id}", group: "views", name: "showView", summary: "Show one view.",
			answers: ok(saved.View{}),
		},
		{
			method: "POST", path: "/views/{id}/edit", group: "views", name: "updateView",
			summary: "Change a view. Without `query`, it keeps the one that it has.",
			form:    viewFields(), answers: ok(saved.View{}),
		},
		{
			method: "POST", path: "/views/{id}/delete", group: "views", name: "deleteView",
			summary: "Delete a view and return it.", answers: ok(saved.View{}),
		},
		{
			method: "GET", path: "/searches", group: "views", name: "listSearches",
			summary: "List one's own recent searches of nodes, the latest first.", answers: ok(searchListJSON{}),
		},
		{
			method: "POST", path: "/searches", group: "views", name: "keepSearch",
			summary: "Add a recent search; only the last ten are kept.",
			form:    []apiField{textField("q", "The search.")}, answers: ok(searchListJSON{}),
		},
		{
			method: "POST", path: "/searches/forget", group: "views", name: "forgetSearches",
			summary: "Forget a recent search, or all of them.",
			form:    []apiField{textField("q", "Only this one.")}, answers: ok(searchListJSON{}),
		},
	}
}

// viewFields are the fields of a saved view.
func viewFields() []apiField {
	return []apiField{
		textField("name", "At most 60 characters."),
		textField("query", "Parameters of the node list, as in an address: `zone=r1-a&q=cpu%3E80%25`."),
		onlyOne("shared", "For everybody. Needs the right to change things."),
	}
}
