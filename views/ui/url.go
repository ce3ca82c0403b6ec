package ui

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"kube-node-manager/services/node"
)

// The addresses that several rooms link to. Names go through url.PathEscape: a
// cluster is named after its kubeconfig context and may hold "/", ":" and "@".

// Paths without parameters.
const (
	HomeURL        = "/"
	ClustersURL    = "/clusters"
	AllBatchesURL  = "/batches"
	EveryNodeURL   = "/nodes" // the nodes of all clusters
	SetupURL       = "/setup"
	SignInURL      = "/login"
	LogoutURL      = "/logout"
	PreferencesURL = "/preferences"
	ColumnsURL     = "/columns" // the columns of the table of nodes
	AuditURL       = "/audit"
	HooksURL       = "/hooks"
	UsersURL       = "/users"
	ProfileURL     = "/profile"
	APIURL         = "/docs/api"
	OpenAPIURL     = "/openapi.json"

	CodeURL   = "/login/code"     // where a sign-in goes on with the second factor
	FactorURL = "/profile/factor" // where one's own second factor is added and removed

	ViewsURL    = "/views"      // saved views of the node table, and recent searches
	ViewMenuURL = "/views/menu" // the content of the menu of views
	SearchesURL = "/searches"   // recent searches
	ForgetURL   = "/searches/forget"
	SuggestURL  = "/suggest" // what may be typed in the search of nodes

	AuthorizeURL     = "/authorize"       // where a person lets a terminal have a token
	AuthorizeDoneURL = "/authorize/done"  // what they see when it has it
	RedeemURL        = "/authorize/token" // where the terminal gets it

	OIDCURL         = "/login/oidc" // where a sign-in at the identity provider begins
	OIDCCallbackURL = "/login/oidc/callback"
)

// LoginURL returns the sign-in page that leads to next, a path of ours.
func LoginURL(next string) string { return withNext(SignInURL, next) }

// ProviderURL is LoginURL for a sign-in at the identity provider.
func ProviderURL(next string) string { return withNext(OIDCURL, next) }

func withNext(path, next string) string {
	if next == "" || next == HomeURL {
		return path
	}
	return WithQuery(path, url.Values{"next": {next}})
}

// EndedURL is LoginURL for somebody whose login session has ended; the page says
// so.
func EndedURL(next string, end SessionEnd) string {
	values := url.Values{"ended": {string(end)}}
	if next != "" && next != HomeURL {
		values.Set("next", next)
	}
	return WithQuery(SignInURL, values)
}

// InBackground returns the address for a page that reloads itself, so that the
// request does not count as activity of the user.
func InBackground(path string) string { return WithQuery(path, url.Values{"background": {"1"}}) }

// ClusterURL returns the page of a cluster.
func ClusterURL(cluster string) string { return ClustersURL + "/" + url.PathEscape(cluster) }

// ClusterTestURL is where the page of all clusters posts "Try again".
func ClusterTestURL(cluster string) string { return ClusterURL(cluster) + "/test" }

// NewClusterURL is the form that imports a cluster.
const NewClusterURL = ClustersURL + "/new"

// ClusterActionURL is a page of a cluster or where its form is posted: "access",
// "edit", "credentials", "disable", "enable" or "delete".
func ClusterActionURL(cluster, action string) string { return ClusterURL(cluster) + "/" + action }

// NodesURL returns the node table of a cluster, or with "" that of all clusters;
// parameters with default values are left out.
func NodesURL(cluster string, q node.Query) string {
	return WithQuery(NodesPath(cluster), QueryValues(q))
}

// QueryURL is NodesURL for a query that is encoded already.
func QueryURL(cluster, query string) string {
	if query == "" {
		return NodesPath(cluster)
	}
	return NodesPath(cluster) + "?" + query
}

// SuggestionsURL is where the search of a table asks for suggestions.
func SuggestionsURL(cluster string) string {
	if cluster == "" {
		return SuggestURL
	}
	return WithQuery(SuggestURL, url.Values{"cluster": {cluster}})
}

// ViewURL returns one saved view, and ViewActionURL where "edit" and "delete" of it are
// posted.
func ViewURL(id int64) string { return ViewsURL + "/" + strconv.FormatInt(id, 10) }

// ViewActionURL is described at ViewURL.
func ViewActionURL(id int64, action string) string { return ViewURL(id) + "/" + action }

// AllNodesURL returns the first page of all nodes of a cluster.
func AllNodesURL(cluster string) string { return NodesURL(cluster, node.Query{}) }

// NodesUsageURL is NodesURL with the columns that need pods.
func NodesUsageURL(cluster string, q node.Query) string {
	values := QueryValues(q)
	values.Set("usage", "1")
	return WithQuery(NodesPath(cluster), values)
}

// NodesCSVURL returns all nodes that match q as CSV, regardless of its page.
func NodesCSVURL(cluster string, q node.Query) string {
	return WithQuery(NodesPath(cluster)+".csv", QueryValues(ofAllPages(q)))
}

// NodesNamesURL returns the names of all nodes that match q, one on each line.
func NodesNamesURL(cluster string, q node.Query) string {
	return WithQuery(NodesPath(cluster)+".txt", QueryValues(ofAllPages(q)))
}

// ChosenNamesURL is NodesNamesURL for the nodes that the user can choose for a change.
func ChosenNamesURL(cluster string, q node.Query) string {
	values := QueryValues(ofAllPages(q))
	values.Set("changeable", "1")
	return WithQuery(NodesPath(cluster)+".txt", values)
}

// ofAllPages returns a query without what is about its pages.
func ofAllPages(q node.Query) node.Query {
	q.Page, q.Size, q.Fresh, q.Apply, q.Fold = 0, 0, false, "", ""
	return q
}

// NodeURL returns the page of one node.
func NodeURL(cluster, name string) string {
	return NodesPath(cluster) + "/" + url.PathEscape(name)
}

// NodeTabURL returns a tab of the page of one node.
func NodeTabURL(cluster, name, tab string) string {
	return WithQuery(NodeURL(cluster, name), url.Values{"tab": {tab}})
}

// NodeMenuURL returns the menu of a node's row.
func NodeMenuURL(cluster, name string) string { return NodeURL(cluster, name) + "/menu" }

// BatchesURL is where a new batch of a cluster is posted, or with "" one of nodes of
// several clusters.
func BatchesURL(cluster string) string {
	if cluster == "" {
		return AllBatchesURL
	}
	return ClusterURL(cluster) + "/batches"
}

// OneBatchURL is BatchesURL for one node, for a form without fields.
func OneBatchURL(cluster, operation, name string) string {
	return WithQuery(BatchesURL(cluster), url.Values{"operation": {operation}, "node": {name}})
}

// PreviewURL is where a form is posted to see its plan.
func PreviewURL(cluster string) string { return BatchesURL(cluster) + "/preview" }

// OnePreviewURL is PreviewURL for one node, for a form without fields.
func OnePreviewURL(cluster, operation, name string) string {
	return WithQuery(PreviewURL(cluster), url.Values{"operation": {operation}, "node": {name}})
}

// EditURL returns the form that edits the labels or the taints of some nodes; kind
// is "labels" or "taints".
func EditURL(cluster, kind string) string { return OverviewURL(cluster, kind) + "/edit" }

// CopyURL returns the form that copies taints to some nodes.
func CopyURL(cluster string) string { return OverviewURL(cluster, "taints") + "/copy" }

// ApplyURL returns the form that applies a template to some nodes.
func ApplyURL(cluster string) string { return OverviewURL(cluster, "templates") + "/apply" }

// TemplatesURL returns the templates of a kind, "labels" or "taints".
func TemplatesURL(kind string) string { return "/templates/" + url.PathEscape(kind) }

// OverviewURL returns the overview of all labels, or taints, of a cluster. Below it, with
// "", are the forms for the nodes of several clusters.
func OverviewURL(cluster, kind string) string {
	if cluster == "" {
		return EveryNodeURL + "/" + kind
	}
	return ClusterURL(cluster) + "/" + kind
}

// BatchURL returns the page of one batch.
func BatchURL(id string) string { return AllBatchesURL + "/" + url.PathEscape(id) }

// BatchControlURL is where a batch is cancelled, resumed and so on, by verb.
func BatchControlURL(id, verb string) string { return BatchURL(id) + "/" + url.PathEscape(verb) }

// EventsURL returns the event stream of a cluster and a batch; either may be empty.
func EventsURL(cluster, batch string) string {
	values := url.Values{}
	if cluster != "" {
		values.Set("cluster", cluster)
	}
	if batch != "" {
		values.Set("batch", batch)
	}
	return WithQuery("/events", values)
}

// Follow is what a page's event stream reports, beside the changes of its cluster.
type Follow struct {
	Generation uint64 // of the cluster's cache when the page was rendered, or the sum of all
	Nodes      bool   // it is the page of the nodes of all clusters
	Rail       string // Rail.Digest of the page
	Clusters   bool   // it is the page of all clusters
	Batches    string // Rail.Work, for the page of all batches
}

// StreamURL returns the event stream of a page; cluster may be empty.
func StreamURL(cluster string, f Follow) string {
	values := url.Values{"rail": {f.Rail}}
	if cluster != "" {
		values.Set("cluster", cluster)
		values.Set("generation", strconv.FormatUint(f.Generation, 10))
	}
	if f.Nodes {
		values.Set("nodes", "all")
		values.Set("generation", strconv.FormatUint(f.Generation, 10))
	}
	if f.Clusters {
		values.Set("clusters", "1")
	}
	if f.Batches != "" {
		values.Set("batches", f.Batches)
	}
	return WithQuery("/events", values)
}

// QueryValues returns the parameters of a node query without default values.
func QueryValues(q node.Query) url.Values {
	values := url.Values{}
	set := func(key, value string, keep bool) {
		if keep && value != "" {
			values.Set(key, value)
		}
	}
	set("q", q.Text, true)
	set("status", q.Status, true)
	set("sched", q.Scheduling, true)
	set("role", q.Role, true)
	set("pool", q.Pool, true)
	set("zone", q.Zone, true)
	set("version", q.Version, true)
	set("condition", q.Condition, true)
	set("label", q.Label, true)
	set("taint", q.Taint, true)
	if len(q.Clusters) > 0 {
		values["cluster"] = q.Clusters
	}
	set("group", q.Group, true)
	set("in", q.In, q.Group != "")
	set("fold", q.Fold, q.Group != "")
	set("cols", q.Cols, true)
	set("sort", q.Sort, q.Sort != node.SortName || q.Desc)
	set("dir", "desc", q.Desc)
	set("page", strconv.Itoa(q.Page), q.Page > 1)
	set("size", strconv.Itoa(q.Size), q.Size != node.PageSizes()[0] && slices.Contains(node.PageSizes(), q.Size))
	set("fresh", "1", q.Fresh)
	set("apply", q.Apply, true)
	return values
}

// NodesPath returns the path of the node table of a cluster, or with "" of all.
func NodesPath(cluster string) string {
	if cluster == "" {
		return EveryNodeURL
	}
	return ClusterURL(cluster) + "/nodes"
}

// WithQuery returns a path with parameters.
func WithQuery(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

type assetsKey struct{}

// WithAssets returns a context whose pages link their assets through address,
// which is static.URL; views must not import static.
func WithAssets(ctx context.Context, address func(name string) string) context.Context {
	return context.WithValue(ctx, assetsKey{}, address)
}

// AssetURL returns the address of an asset. Without WithAssets it has no checksum;
// such an address is served as well, but not cached.
func AssetURL(ctx context.Context, name string) string {
	if address, ok := ctx.Value(assetsKey{}).(func(string) string); ok {
		return address(name)
	}
	return "/static/0/" + name
}

type densityKey struct{}

// WithDensity returns a context with the density of tables: "compact", or "".
func WithDensity(ctx context.Context, density string) context.Context {
	return context.WithValue(ctx, densityKey{}, density)
}

func density(ctx context.Context) string {
	density, _ := ctx.Value(densityKey{}).(string)
	return density
}

type themeKey struct{}

// WithTheme returns a context with the theme "light" or "dark", or "" for that of
// the system. Frame.Theme takes precedence.
func WithTheme(ctx context.Context, theme string) context.Context {
	return context.WithValue(ctx, themeKey{}, theme)
}

// Theme returns the context's theme.
func Theme(ctx context.Context) string {
	theme, _ := ctx.Value(themeKey{}).(string)
	return theme
}
