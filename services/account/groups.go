package account

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kube-node-manager/services"
)

// Everybody is the group in which everybody is whom a provider lets sign in.
const Everybody = "*"

// Groups says which roles the groups of a provider give.
type Groups []groupRole

type groupRole struct {
	group string
	grant services.Grant // without a scope: the role of the user
}

// groupPattern is GROUP=ROLE, GROUP=ROLE@CLUSTER or GROUP=ROLE@key=value. A group may
// contain any of these signs, as the name of an entry in a directory does.
var groupPattern = regexp.MustCompile(`^(.+?)\s*=\s*(viewer|user|admin)\s*(?:@\s*(.+))?$`)

// ParseGroups reads the roles of groups. The error is for a person and quotes the text
// that is wrong.
func ParseGroups(texts []string) (Groups, error) {
	groups := make(Groups, 0, len(texts))
	for _, text := range texts {
		part := groupPattern.FindStringSubmatch(strings.TrimSpace(text))
		if part == nil {
			return nil, fmt.Errorf("%q is not like GROUP=viewer, GROUP=user, GROUP=admin or GROUP=user@CLUSTER",
				services.Clip(text))
		}
		grant := services.Grant{Role: services.Role(part[2])}
		scope := part[3]
		if strings.Contains(scope, "=") {
			grant.Label = scope
		} else {
			grant.Cluster = scope
		}
		groups = append(groups, groupRole{part[1], grant})
	}
	return groups, nil
}

// Access returns the role and the grants of somebody who is in some groups, of which
// same compares the names. Of several for the same clusters, the one with the most rights
// counts. The role is "" when no group gives one.
func (g Groups) Access(in []string, same func(a, b string) bool) (role services.Role, grants []services.Grant) {
	for _, one := range g {
		member := one.group == Everybody || slices.ContainsFunc(in, func(name string) bool {
			return same(one.group, name)
		})
		switch {
		case !member:
		case one.grant.Cluster == "" && one.grant.Label == "":
			role = stronger(role, one.grant.Role)
		default:
			grants = addGrant(grants, one.grant)
		}
	}
	return role, grants
}

// addGrant adds a grant, or makes the one for the same clusters stronger.
func addGrant(grants []services.Grant, more services.Grant) []services.Grant {
	for i, known := range grants {
		if known.Cluster == more.Cluster && known.Label == more.Label {
			grants[i].Role = stronger(known.Role, more.Role)
			return grants
		}
	}
	return append(grants, more)
}

func stronger(a, b services.Role) services.Role {
	if a.Less(b) {
		return b
	}
	return a
}
