package views

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"kube-node-manager/services"
	"kube-node-manager/services/node"
)

// Rail is what the rail says of clusters and batches, the same for everybody.
type Rail struct {
	Clusters []ClusterView
	Running  int    // batches running now
	Work     string // names the state of the batches at work: it changes when one of them does
}

// ClusterView is what is known of one cluster, for the rail, the page of all
// clusters and wherever else a cluster's state is shown.
type ClusterView struct {
	Name     string
	Server   string    // address of the API server
	Source   string    // "kubeconfig" or "in-cluster"
	Version  string    // of the API server; "" while it has not told
	At       time.Time // of its last answer, or of the last try that failed; zero while nobody has asked
	Since    time.Time // since when it answers, or does not
	Down     error     // why it does not answer
	Unread   error     // why its nodes could not be read the last time
	Nodes    int       // -1 while they are not known
	NotReady int
	Cordoned int // that are ready otherwise
}

// Worst returns the mark of the cluster: that of the worst that is known of it, ""
// while nothing is. Nodes that only a taint limits are as they should be: every
// control plane has some.
func (v ClusterView) Worst() string {
	switch {
	case v.Down != nil, v.Unread != nil, v.NotReady > 0:
		return "bad"
	case v.Cordoned > 0:
		return "hold"
	case v.Nodes >= 0:
		return "ok"
	default:
		return ""
	}
}

// word says what the mark stands for.
func (v ClusterView) word(ctx context.Context) string {
	switch {
	case v.Down != nil:
		return T(ctx, "cluster_down_since", "Time", exact(ctx, v.Since), "Why", NewProblem(ctx, v.Down).Text)
	case v.Unread != nil:
		return T(ctx, "cluster_unread", "Why", NewProblem(ctx, v.Unread).Text)
	case v.NotReady > 0:
		return N(ctx, "cluster_not_ready", v.NotReady, "Total", Number(v.Nodes))
	case v.Cordoned > 0 && v.Cordoned == v.Nodes:
		return T(ctx, "cluster_all_cordoned")
	case v.Cordoned > 0:
		return N(ctx, "cluster_cordoned", v.Cordoned, "Total", Number(v.Nodes))
	case v.Nodes >= 0:
		return T(ctx, "cluster_all_ready")
	case v.At.IsZero():
		return T(ctx, "cluster_unchecked")
	default:
		return T(ctx, "cluster_nodes_unknown")
	}
}

// id returns an id that a selector takes; a cluster's name may hold anything.
func (v ClusterView) id(prefix string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(v.Name)) // a hash never fails
	return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
}

// Digest names what the rail shows: it changes when that does.
func (r Rail) Digest() string {
	h := fnv.New64a()
	for _, c := range r.Clusters {
		_, _ = fmt.Fprintf(h, "%q %d %d %d %t %d %s %s\n", c.Name, c.Nodes, c.NotReady, c.Cordoned, c.At.IsZero(), c.Since.Unix(), faultOf(c.Down), faultOf(c.Unread))
	}
	_, _ = fmt.Fprint(h, r.Running)
	return strconv.FormatUint(h.Sum64(), 36)
}

// faultOf names a fault, "" for none.
func faultOf(err error) string {
	if err == nil {
		return ""
	}
	return services.AsError(err).Text
}

// zeroQuery is the first page of all nodes.
var zeroQuery node.Query

func roleName(ctx context.Context, role services.Role) string {
	if !role.Valid() {
		return ""
	}
	return T(ctx, "role_"+string(role))
}

// otherLocale is the language that the switch offers.
func otherLocale(ctx context.Context) string {
	if Locale(ctx) == LocaleChinese {
		return LocaleEnglish
	}
	return LocaleChinese
}

func currentTheme(ctx context.Context, theme string) string { return cmp.Or(theme, Theme(ctx)) }

func themeName(ctx context.Context, theme string) string {
	return T(ctx, "theme_"+cmp.Or(theme, "auto"))
}

func pressed(on bool) string { return strconv.FormatBool(on) }
