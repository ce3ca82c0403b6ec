package ui

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"kube-node-manager/services"
)

// Rail is what the rail says of clusters and batches, the same for everybody.
type Rail struct {
	Clusters []Cluster
	Running  int    // batches running now
	Work     string // names the state of the batches at work: it changes when one of them does
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
