package nodes

import (
	"context"
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"kube-node-manager/services/inspect"
	"kube-node-manager/views/ui"
)

// Tab is a tab of the page of one node, as in its address.
type Tab string

// The tabs.
const (
	TabOverview   Tab = "overview"
	TabConditions Tab = "conditions"
	TabPods       Tab = "pods"
	TabEvents     Tab = "events"
	TabLabels     Tab = "labels"
	TabImages     Tab = "images"
	TabHeartbeat  Tab = "heartbeat"
	TabYAML       Tab = "yaml"
	TabHistory    Tab = "history"
)

// Tabs returns the tabs in their order.
func Tabs() []Tab {
	return []Tab{
		TabOverview, TabConditions, TabPods, TabEvents, TabLabels, TabImages, TabHeartbeat, TabYAML, TabHistory,
	}
}

// PodValues returns the parameters of a query of pods without default values.
func PodValues(q inspect.PodQuery) url.Values {
	values := url.Values{}
	if q.Text != "" {
		values.Set("q", q.Text)
	}
	if q.Sort != "" && q.Sort != inspect.PodSorts()[0] {
		values.Set("sort", q.Sort)
	}
	if q.Desc {
		values.Set("dir", "desc")
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	return values
}

// tabURL returns the address of a tab.
func (v View) tabURL(tab Tab) string {
	if tab == TabOverview {
		return ui.NodeURL(v.Cluster, v.Node.Name)
	}
	return ui.NodeTabURL(v.Cluster, v.Node.Name, string(tab))
}

// here returns the address of what the page shows.
func (v View) here() string {
	if v.Tab == TabPods {
		return v.podsURL(v.PodQuery)
	}
	return v.tabURL(v.Tab)
}

// podsURL returns the pods of the node with a filter, order and page.
func (v View) podsURL(q inspect.PodQuery) string {
	values := PodValues(q)
	values.Set("tab", string(TabPods))
	return ui.WithQuery(ui.NodeURL(v.Cluster, v.Node.Name), values)
}

// podSortURL returns the pods sorted by a column, in reverse if they already are.
func (v View) podSortURL(by string) string {
	q := v.PodQuery
	q.Page = 0
	if q.Sort == by {
		q.Desc = !q.Desc
	} else {
		q.Sort, q.Desc = by, by == "restarts" || by == "cpu" || by == "memory"
	}
	return v.podsURL(q)
}

// podPageURL returns a page of the pods.
func (v View) podPageURL(page int) string {
	q := v.PodQuery
	q.Page = page
	return v.podsURL(q)
}

// usageURL returns the overview that waits for what the pods request.
func (v View) usageURL() string {
	return ui.WithQuery(ui.NodeURL(v.Cluster, v.Node.Name), url.Values{"usage": {"1"}})
}

// intoNode returns the attributes of a link to another state of the page: only what
// differs is replaced, so that a reason that was typed and the focus stay.
func intoNode(address string) templ.Attributes {
	return templ.Attributes{
		"hx-get": address, "hx-target": "#node", "hx-select": "#node", "hx-ext": "morph", "hx-swap": "morph:outerHTML",
		"hx-push-url": "true", "hx-sync": "#node:replace",
	}
}

// Title returns the title of a tab of the page of a node.
func Title(ctx context.Context, name string, tab Tab) string {
	if tab == TabOverview {
		return name
	}
	return name + " · " + ui.T(ctx, "node_tab_"+string(tab))
}
