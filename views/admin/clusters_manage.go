package admin

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"kube-node-manager/services/cluster"
	"kube-node-manager/views/ui"
)

// Clusters is the page of all clusters.
type Clusters struct {
	Rows    []ui.Cluster
	Manages bool // the reader may change them
}

// ClusterForm is the form that imports a cluster, or changes one.
type ClusterForm struct {
	Old      cluster.Cluster // zero for an import
	Name     string
	Labels   string
	Colour   string
	Position string
	ActAs    bool
	Upload   UploadForm
	Problem  *ui.Problem
}

// UploadForm is the part of a form with a kubeconfig. The kubeconfig itself is never
// sent back to the browser.
type UploadForm struct {
	Draft    string   // id of what the server keeps of an earlier try; "" if there is nothing
	Contexts []string // to choose from, if there are several
	Context  string
	Insecure bool
	Test     *cluster.Test // the result of a connection test
}

// IsNew reports whether the form imports a cluster.
func (v ClusterForm) IsNew() bool { return v.Old.Name == "" }

// Renames reports whether the name can be changed.
func (v ClusterForm) Renames() bool { return v.IsNew() || v.Old.Source == cluster.FromImport }

func (v ClusterForm) action() string {
	if v.IsNew() {
		return ui.NewClusterURL
	}
	return ui.ClusterActionURL(v.Old.Name, "edit")
}

// ClusterAccess is the page about the access to a cluster.
type ClusterAccess struct {
	Cluster cluster.Cluster
	Test    cluster.Test
	Manages bool
	Now     time.Time
}

// formFields are the fields whose problems stand beside them.
func formFields() []string { return []string{"name", "labels", "colour", "position", "context"} }

// uploadProblems returns what is wrong with the parts of a kubeconfig, by path.
func uploadProblems(p *ui.Problem) []string {
	if p == nil {
		return nil
	}
	var texts []string
	for _, field := range slices.Sorted(maps.Keys(p.Fields)) {
		if !slices.Contains(formFields(), field) {
			texts = append(texts, p.Fields[field])
		}
	}
	return texts
}

// needsInsecure reports whether the kubeconfig asks not to verify the certificate.
func (v UploadForm) needsInsecure(p *ui.Problem) bool {
	if v.Insecure {
		return true
	}
	if p == nil {
		return false
	}
	for field := range p.Fields {
		if strings.HasSuffix(field, ".insecure-skip-tls-verify") {
			return true
		}
	}
	return false
}

func clusterTitle(ctx context.Context, v ClusterForm) string {
	if v.IsNew() {
		return ui.T(ctx, "cluster_import_title")
	}
	return ui.T(ctx, "cluster_edit_title", "Name", v.Old.Name)
}

func clusterCrumbs(ctx context.Context) []ui.Crumb {
	return []ui.Crumb{{Text: ui.T(ctx, "nav_clusters"), URL: ui.ClustersURL}}
}

// permissionKind returns the mark of a permission.
func permissionKind(p cluster.Permission) string {
	switch {
	case p.Err != nil:
		return "idle"
	case p.Allowed:
		return "ok"
	case p.Optional:
		return "idle"
	case p.Write:
		return "hold"
	default:
		return "bad"
	}
}

func permissionWord(ctx context.Context, p cluster.Permission) string {
	switch {
	case p.Err != nil:
		return ui.T(ctx, "access_unknown")
	case p.Allowed:
		return ui.T(ctx, "access_allowed")
	default:
		return ui.T(ctx, "access_denied")
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func clusterNameHelp(ctx context.Context, v ClusterForm) string {
	if v.IsNew() {
		return ui.T(ctx, "cluster_name_help")
	}
	return ui.T(ctx, "cluster_rename_help")
}
