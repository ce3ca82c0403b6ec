package nodes

import (
	"net/url"
	"time"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// OverviewView is the overview of all labels, or all taints, of a cluster.
type OverviewView struct {
	Cluster string
	Kind    string // "labels" or "taints"
	Query   string // the text of the search
	Key     string // the only key that is shown, or ""
	Free    []node.Spread
	Locked  []node.Spread // protected
	Nodes   int           // of the cluster
	Total   int           // keys in the cluster
	AsOf    time.Time
	Stale   error // why the last refresh failed
	Now     time.Time
	Problem *ui.Problem // shown instead, when the nodes cannot be read
}

// How many values of a key are listed: of each key, and of the only one.
const (
	overviewValues    = 12
	overviewValuesOne = 1000
)

// values returns the values of a key that are listed, and how many are not.
func (v OverviewView) values(s node.Spread) (shown []node.ValueCount, rest int) {
	most := overviewValues
	if v.Key != "" {
		most = overviewValuesOne
	}
	shown = s.Values[:min(most, len(s.Values))]
	return shown, len(s.Values) - len(shown)
}

// keyURL returns the table of the nodes that have a key.
func (v OverviewView) keyURL(s node.Spread) string {
	if v.Kind == "taints" {
		return ui.NodesURL(v.Cluster, node.Query{Taint: s.ID()})
	}
	return ui.NodesURL(v.Cluster, node.Query{Label: s.Key})
}

// valueURL returns the table of the nodes that have a key with a value, which may
// be empty.
func (v OverviewView) valueURL(s node.Spread, value string) string {
	if v.Kind == "taints" {
		return ui.NodesURL(v.Cluster, node.Query{Taint: s.Key + "=" + value + ":" + s.Effect})
	}
	return ui.NodesURL(v.Cluster, node.Query{Label: s.Key + "=" + value})
}

// oneURL returns the overview of one key with all of its values.
func (v OverviewView) oneURL(s node.Spread) string {
	return ui.WithQuery(ui.OverviewURL(v.Cluster, v.Kind), url.Values{"key": {s.ID()}})
}

// share returns the percentage of nodes that have a key.
func (v OverviewView) share(s node.Spread) int {
	p, _ := percent(int64(s.Nodes), int64(v.Nodes))
	return min(100, p)
}

// tabs are the tables of a cluster.
func tabs() []string { return []string{"overview", "nodes", "labels", "taints", "rules"} }

func tabURL(cluster, tab string) string {
	if tab == "nodes" {
		return ui.AllNodesURL(cluster)
	}
	return ui.OverviewURL(cluster, tab)
}

// FreshURL returns a path of ours that reads the cluster again.
func FreshURL(path string) string {
	return changedQuery(path, func(values url.Values) { values.Set("fresh", "1") })
}

// cachedURL returns a path without the parameter of FreshURL.
func cachedURL(path string) string {
	return changedQuery(path, func(values url.Values) { values.Del("fresh") })
}

func changedQuery(path string, change func(url.Values)) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	values := u.Query()
	change(values)
	u.RawQuery = values.Encode()
	return u.RequestURI()
}
