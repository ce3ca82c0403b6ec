package nodes

import (
	"net/url"
	"slices"
	"time"

	"kube-node-manager/services/node"
	"kube-node-manager/views/ui"
)

// OverviewView is every label, or every taint, of a cluster.
type OverviewView struct {
	Cluster string
	Kind    string // "labels" or "taints"
	Query   string // what was searched
	Key     string // the one key that is shown, or ""
	Free    []node.Spread
	Locked  []node.Spread // protected
	Nodes   int           // of the cluster
	Total   int           // keys before the search
	AsOf    time.Time
	Stale   error // why they could not be read again
	Now     time.Time
	Problem *ui.Problem // instead of all that, when the nodes cannot be read
}

// How many values of a key are listed: some of each, many of one.
const (
	overviewValues    = 12
	overviewValuesOne = 1000
)

// values gives the values of a key that are listed, and how many are not.
func (v OverviewView) values(s node.Spread) (shown []node.ValueCount, rest int) {
	most := overviewValues
	if v.Key != "" {
		most = overviewValuesOne
	}
	shown = s.Values[:min(most, len(s.Values))]
	return shown, len(s.Values) - len(shown)
}

// keyURL gives the table of the nodes that have a key.
func (v OverviewView) keyURL(s node.Spread) string {
	if v.Kind == "taints" {
		return ui.NodesURL(v.Cluster, node.Query{Taint: s.ID()})
	}
	return ui.NodesURL(v.Cluster, node.Query{Label: s.Key})
}

// valueURL gives the table of the nodes that have a key with a value. An empty
// value is a value too.
func (v OverviewView) valueURL(s node.Spread, value string) string {
	if v.Kind == "taints" {
		return ui.NodesURL(v.Cluster, node.Query{Taint: s.Key + "=" + value + ":" + s.Effect})
	}
	return ui.NodesURL(v.Cluster, node.Query{Label: s.Key + "=" + value})
}

// oneURL shows one key with all of its values.
func (v OverviewView) oneURL(s node.Spread) string {
	return ui.WithQuery(ui.OverviewURL(v.Cluster, v.Kind), url.Values{"key": {s.ID()}})
}

// labelledNodes is how many nodes a bar is of.
func (v OverviewView) share(s node.Spread) int {
	p, _ := percent(int64(s.Nodes), int64(v.Nodes))
	return min(100, p)
}

// tabs are the three tables of a cluster.
func tabs() []string { return []string{"nodes", "labels", "taints"} }

func tabURL(cluster, tab string) string {
	if slices.Contains([]string{"labels", "taints"}, tab) {
		return ui.OverviewURL(cluster, tab)
	}
	return ui.AllNodesURL(cluster)
}

// FreshURL returns a path of ours with the wish for a new read.
func FreshURL(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	values := u.Query()
	values.Set("fresh", "1")
	u.RawQuery = values.Encode()
	return u.RequestURI()
}

// staleURL is the way back from Fresh: an address to load again and again.
func staleURL(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	values := u.Query()
	values.Del("fresh")
	u.RawQuery = values.Encode()
	return u.RequestURI()
}
