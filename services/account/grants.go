package account

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"kube-node-manager/services"
)

const (
	// maxGrants is how many grants a user may have.
	maxGrants = 200
	// maxClusterName is the most characters that the name of a cluster may have.
	maxClusterName = 253
)

// ParseGrants reads grants as people write them: "prod: viewer" for a cluster,
// "env=staging: user" for the clusters with a label.
//
// Errors: CodeInvalid names the field "grants".
func ParseGrants(lines []string) ([]services.Grant, error) {
	var grants []services.Grant
	for _, line := range lines {
		// A cluster's name may have a colon, as that of an EKS cluster has.
		at := strings.LastIndex(line, ":")
		if at < 0 {
			return nil, services.Invalid("grants", "error_grant_line", "Text", services.Clip(line))
		}
		g := services.Grant{Role: services.Role(strings.TrimSpace(line[at+1:]))}
		what := strings.TrimSpace(line[:at])
		if isLabel(what) {
			g.Label = what
		} else {
			g.Cluster = what
		}
		grants = append(grants, g)
	}
	return grants, nil
}

// isLabel reports whether a text is a label of a cluster, key=value.
func isLabel(text string) bool {
	key, value, ok := strings.Cut(text, "=")
	return ok && len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0
}

// FormatGrants returns grants as ParseGrants reads them, with commas between.
func FormatGrants(grants []services.Grant) string {
	lines := make([]string, len(grants))
	for i, g := range grants {
		lines[i] = g.String()
	}
	return strings.Join(lines, ", ")
}

// sortGrants returns grants in the order in which they are stored.
func sortGrants(grants []services.Grant) []services.Grant {
	return slices.SortedFunc(slices.Values(grants), func(a, b services.Grant) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Label, b.Label))
	})
}

// checkGrants refuses grants that are about nothing, have no known role, or are about
// the same.
func checkGrants(wrong *services.FieldErrors, sorted []services.Grant) {
	if len(sorted) > maxGrants {
		wrong.Add("grants", "error_grants_many", "Count", len(sorted), "Max", maxGrants)
		return
	}
	for i, g := range sorted {
		about := g.Cluster + g.Label
		switch {
		case g.Cluster == "" && g.Label == "", len(g.Cluster) > maxClusterName, g.Label != "" && !isLabel(g.Label):
			wrong.Add("grants", "error_grant_about", "Text", services.Clip(about))
			return
		case !g.Role.Valid():
			wrong.Add("grants", "error_grant_role", "About", services.Clip(about), "Role", services.Clip(string(g.Role)))
			return
		case i > 0 && g.Cluster == sorted[i-1].Cluster && g.Label == sorted[i-1].Label:
			wrong.Add("grants", "error_grant_twice", "About", services.Clip(about))
			return
		}
	}
}
