package ui

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"kube-node-manager/services"
)

// Rail is the part of the rail that is the same for everybody.
type Rail struct {
	Clusters []Cluster
	Running  int    // batches running now
	Work     string // a digest of the running batches
}

// Digest returns a digest of what the rail shows.
func (r Rail) Digest() string {
	h := fnv.New64a()
	for _, c := range r.Clusters {
		_, _ = fmt.Fprintf(h, "%q %s %d %d %d ", c.Name, c.Colour, c.Nodes, c.NotReady, c.Cordoned)
		_, _ = fmt.Fprintf(h, "%t %d %s %s\n", c.At.IsZero(), c.Since.Unix(), errorID(c.Down), errorID(c.Unread))
	}
	_, _ = fmt.Fprint(h, r.Running)
	return strconv.FormatUint(h.Sum64(), 36)
}

// Standing returns a digest of which clusters answer.
func (r Rail) Standing() string {
	h := fnv.New64a()
	for _, c := range r.Clusters {
		_, _ = fmt.Fprintf(h, "%q %t %t\n", c.Name, c.Down == nil, c.Unread == nil)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// errorID returns the message id of an error, "" for nil.
func errorID(err error) string {
	if err == nil {
		return ""
	}
	return services.AsError(err).Text
}

// RoleName returns the translated name of a role, "" for one that does not exist.
func RoleName(ctx context.Context, role services.Role) string {
	if !role.Valid() {
		return ""
	}
	return T(ctx, "role_"+string(role))
}

// otherLocale returns the language that the switch offers.
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
